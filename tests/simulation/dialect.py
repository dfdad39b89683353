"""How one Clazar speaks: ids, times, pages, answers. Pure, and drawn from a story's seed."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from functions.adapters.clazar.http import Response

Row = Mapping[str, Any]
_ABROAD, _WEST = timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))
# Nobody can place these, or only in another window: such rows leave lines in doubt.
MOVED = ("local time", "of arrival")
UNREADABLE = ("microseconds", "null", "garbage", *MOVED)
_DUPLICATES = {
    "documented": (
        "DUPLICATE",
        "A record with the same contract_id and the same hour already exists",
    ),
    "in capitals": (
        "Duplicate",
        "A RECORD WITH THE SAME CONTRACT_ID AND THE SAME HOUR ALREADY EXISTS",
    ),
    "short": ("VALIDATION_ERROR", "usage Already Exists"),
    "not understood": ("REJECTED", "usage of this hour was reported before"),
    "HTTP 409": ("CONFLICT", "usage of this hour was reported before"),
}
_SILENCES = {
    "without results": '{"status": "ok"}',
    "results are null": '{"results": null}',
    "empty": "",
    "cut": "HTTP 200, then ChunkedEncodingError: Response ended prematurely",
}
_FAILURES = {
    "without results": '{"results": [], "errors": ["backend timeout"]}',
    "empty": '{"results": [], "status": "error"}',
}


@dataclass(frozen=True)
class Dialect:
    """Everything about a receiver that is neither a rule nor a mood.

    `typed`: how contract ids are written in the usage, `ids`: how they are listed and echoed.
    `unreadable`: how many rows have the time in `times` if that cannot be read. `pages`: how more
    than one of `size` rows is announced; `behind`: the status behind the last page. `older`:
    records of a contract from before the first month. `filters`: what it filters by. `others`:
    rows of other contracts that are listed all the same. `lags`: what a silent 2xx has accepted is
    listed up to an hour later. `remarks`: what is accepted is listed up to days later, and until
    then a listing says that it is old. `without`: what an echo leaves out.
    """

    typed: str = "plain"
    ids: str = "as typed"
    times: str = "Z"
    unreadable: float = 0.0
    pages: str = "numbers"
    size: int = 100
    behind: int = 200
    older: int = 0
    newest_first: bool = False
    filters: str = "all"
    others: int = 0
    silence: str = "without results"
    lags: bool = False
    remarks: bool = False
    duplicate: str = "documented"
    without: tuple[str, ...] = ()
    capitals: bool = False

    def __str__(self) -> str:
        given = ((field.name, getattr(self, field.name), field.default) for field in fields(self))
        said = [f"{name} {value}" for name, value, usual in given if value != usual]
        return ", ".join(said) or "as documented"

    @property
    def moves(self) -> bool:
        """Whether a row may be listed in another month's window."""
        return self.times in MOVED

    def contract(self, name: str, *, lower: bool = False) -> str:
        """Return how a contract is written in the usage of a plan."""
        if self.typed == "plain":
            return name
        text = str(uuid5(NAMESPACE_URL, name))
        return text if lower else text.upper()

    def listed(self, row: Row) -> dict[str, Any]:
        return {
            **row,
            "contract_id": self._id(row["contract_id"]),
            "start_time": self._time(row["start_time"], row["id"]),
            "end_time": self._time(row["end_time"], row["id"]),
            "status": self._status(row["status"]),
        }

    def echoed(self, row: Row) -> dict[str, Any]:
        """Return the answer to a record that was stored, or rejected."""
        found = self.listed(row) if "id" in row else {**row}
        found["contract_id"] = self._id(row["contract_id"])
        return {name: value for name, value in found.items() if name not in self.without}

    def _status(self, status: str) -> str:
        return status.upper() if self.capitals else status

    def _id(self, contract: str) -> str:
        if self.typed == "plain" or self.ids == "as typed":
            return contract
        usual = canonical(contract)
        return f"{{{usual}}}" if self.ids == "with braces" else usual

    def _time(self, text: str, row: str) -> Any:
        times = self.times
        is_usual = times in UNREADABLE and zlib.crc32(row.encode()) % 100 >= 100 * self.unreadable
        if is_usual or times == "Z":
            return text
        instant = datetime.fromisoformat(text).astimezone(UTC)
        seconds = int(instant.timestamp())
        return {
            "no offset": text.removesuffix("Z"),
            "other offset": instant.astimezone(_ABROAD).isoformat(),
            "date": text[:10],
            "seconds": seconds,
            "milliseconds": seconds * 1_000,
            "microseconds": seconds * 1_000_000,
            "local time": instant.astimezone(_WEST).isoformat()[:19],
            "of arrival": (instant + timedelta(days=32, seconds=3)).isoformat(),
            "null": None,
            "garbage": "beginning of the month",
        }[times]

    def wants(self, row: Row, query: Mapping[str, str]) -> bool:
        """Say whether a row is listed for a query, apart from those of others."""
        if self.filters == "to the letter" and self._id(row["contract_id"]) != query["contract_id"]:
            return False
        asked = query.get("dimension")
        return self.filters == "contract" or asked is None or row["dimension"] == asked

    def page(
        self, rows: Sequence[Row], query: Mapping[str, str], *, is_old: bool = False
    ) -> Response:
        by_cursor = self.pages in ("next", "next_cursor")
        number = int(query.get("cursor", "c1")[1:]) if by_cursor else int(query["page"])
        number = 1 if self.pages == "ignored" else number
        size = min(self.size, int(query["page_size"]))
        ordered = rows[::-1] if self.newest_first else rows
        shown = ordered[(number - 1) * size : number * size]
        if number > 1 and not shown and self.behind != 200:
            return Response(self.behind, '{"detail": "Invalid page."}')
        more = len(rows) > number * size
        cursor = f"c{number + 1}" if more else None
        said: dict[str, dict[str, Any]] = {
            "next": {"next": cursor and f"https://clazar/metering/?cursor={cursor}"},
            "next_cursor": {"pagination": {"next_cursor": cursor}},
            "count": {"count": len(rows), "page_size": size},
            "has_more": {"has_more": more},
        }
        found = [self.listed(row) for row in shown]
        remark = {"index": {"as_of": "some days ago"}} if self.remarks and is_old else {}
        return Response(200, json.dumps({"results": found, **said.get(self.pages, {}), **remark}))

    def silent(self) -> Response:
        """Return a 2xx that says nothing of the records."""
        return Response(200, _SILENCES[self.silence])

    def unavailable(self) -> Response:
        """Return the answer to a listing that fails: some say so with a 200 and no rows."""
        said = _FAILURES.get(self.silence)
        return Response(200, said) if said else Response(503, "unavailable")

    def rejected(self, record: Row) -> dict[str, Any]:
        """Return the answer to a duplicate."""
        code, text = _DUPLICATES[self.duplicate]
        named = {"contract_id": record["contract_id"], "dimension": record["dimension"]}
        return self.echoed({**named, "code": code, "message": text, "errors": [text]})

    def rows_before(self, contract: str, dimensions: Sequence[str]) -> list[Row]:
        """Return a contract's records from before the first month."""
        return [
            {
                "id": f"old-{canonical(contract)}-{index}",
                "cloud": "aws",
                "contract_id": contract,
                "dimension": dimensions[index % len(dimensions)],
                "start_time": f"{2024 - index // 36}-{index // 3 % 12 + 1:02d}-01T00:00:00Z",
                "end_time": f"{2024 - index // 36}-{index // 3 % 12 + 1:02d}-28T23:59:59Z",
                "quantity": str(index + 1),
                "status": "success",
            }
            for index in range(self.older)
        ]


def canonical(contract: str) -> str:
    """Return how a contract id is compared by a receiver."""
    return contract.strip("{}").lower()


def draw(rng: Random) -> Dialect:
    """Draw a dialect. Each thing is as documented in about half of the stories."""
    capitals = rng.random() < 0.3
    times = rng.choice(("no offset", "other offset", "date", "seconds", "milliseconds"))
    times = times if rng.random() < 0.4 else "Z"
    times, share = (
        (rng.choice(UNREADABLE), rng.choice((0.1, 1))) if rng.random() < 0.06 else (times, 0)
    )
    pages = rng.choice(("count", "has_more", "next", "next_cursor", "ignored"))
    pages = pages if rng.random() < 0.5 else "numbers"
    filters = rng.choice(("to the letter", "contract", "all"))
    ids = rng.choice(("as typed", "lower case", "lower case", "with braces"))
    return Dialect(
        typed="capitals" if capitals else "plain",
        ids=ids if capitals else "as typed",
        times=times,
        unreadable=share,
        pages=pages,
        size=100 if pages == "ignored" else rng.choice((100, 100, 20, 3)),
        behind=rng.choice((200, 200, 404)),
        older=rng.choice((0, 0, 0, 5, 30)),
        newest_first=rng.random() < 0.3,
        filters="all" if ids == "with braces" and capitals and filters[0] == "t" else filters,
        others=rng.choice((0, 0, 0, 6, 25)),
        silence=rng.choice(tuple(_SILENCES)),
        lags=rng.random() < 0.5,
        duplicate=rng.choice((*_DUPLICATES, "documented", "documented")),
        without=rng.choice(
            (
                (),
                (),
                (),
                ("contract_id",),
                ("dimension",),
                ("contract_id", "dimension"),
                ("start_time",),
            )
        ),
        capitals=rng.random() < 0.3,
        remarks=rng.random() < 0.1,
    )
