"""Everything outside of an invocation, as far as it has answered so far."""

import math
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from msgspec.structs import replace

from functions.adapters import keys
from functions.adapters.objects import Stored
from functions.adapters.receivers import ListingUnavailable
from functions.domain.ledger import listing, submission
from functions.domain.ledger.listing_pages import Asked
from functions.domain.ledger.submission import Request
from functions.domain.month import parse_instant
from functions.domain.usage.usage_files import Listed
from infra.tasks import SETTLE_SECONDS
from tests.model import month

NOW = parse_instant(month.AT)
# However often the outcome of a line was unknown before.
SETTLED = NOW + timedelta(seconds=SETTLE_SECONDS * 30)
BILL = "bill"
Effect = tuple[Any, ...]


class Paused(BaseException):
    """The history is at its end. Not an Exception: the use cases must not catch it."""


class Outside:
    """Everything outside, as far as it has answered: a bucket, Clazar, a clock, Step Functions."""

    def __init__(self, history: tuple[Any, ...]) -> None:
        self._history = iter(history)
        self.wanted: Effect | None = None
        self.entry = month.NOTHING  # the last version of a ledger entry that came by
        self.attempt, self.begun = 0, False

    def _ask(self, *effect: Any) -> Any:
        if self.wanted is None:
            for answer in self._history:
                return answer
            self.wanted = effect
        raise Paused

    def read(self, key: str, *, unless: str = "", most_bytes: float = math.inf) -> Stored | None:  # noqa: ARG002
        if key == BILL or key not in month.SLOTS:
            return self._own(key)
        slot = month.SLOTS[key]
        found = self._ask("read", slot)
        if unless and str(found) == unless:
            return Stored(b"", unless)
        if slot >= month.ENTRIES:
            self.entry = found
        return Stored(month.body(found), str(found)) if found else None

    def _own(self, key: str) -> Stored | None:
        """Files of this execution alone, and of features that are not modelled."""
        if key.startswith(BILL):
            contracts, *processed = key.split("/")[1:]
            return Stored(month.usage(int(contracts), tuple(processed)), "")
        return None

    def create(self, key: str, body: bytes) -> str | None:
        return self._write(key, body, month.NOTHING)

    def replace(self, key: str, body: bytes, etag: str) -> str | None:
        return self._write(key, body, int(etag))

    def _write(self, key: str, body: bytes, over: int) -> str | None:
        if key not in month.SLOTS:
            return "0"
        slot = month.SLOTS[key]
        new = month.number(slot, body)
        if not self._ask("write", slot, new, over):
            return None
        if slot >= month.ENTRIES:
            self.entry = new
        self.begun = bool(self.attempt)
        return str(new)

    def put(self, key: str, _body: bytes) -> None:
        assert key not in month.SLOTS, f"{key} is written without a condition"

    def read_many(self, keys: Iterable[str]) -> Iterator[Stored | None]:
        return map(self.read, keys)

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> Iterator[Listed]:
        if prefix == month.LEDGER:
            found = self._ask("list")
            names = [month.CONTRACTS[place] for place in found]
            keys_found = [keys.ledger_entry(month.PLAN, month.MONTH, name) for name in names]
        else:  # every plan's journal, and there is only this plan
            keys_found = [key for key in [month.JOURNAL_KEY] if key.startswith(prefix)]
        for key in [key for key in keys_found if key > after][:limit]:
            yield Listed(key, "", 0)

    def is_running(self, execution: str) -> bool:
        return bool(self._ask("running", execution))

    def now(self) -> datetime:
        """Tell the time only as far as it matters: whether the last attempt is long ago."""
        if self.attempt or not month.last_attempt(self.entry):
            return NOW
        return SETTLED if self._ask("now", self.entry) else NOW

    def new_attempt(self) -> "_Id":
        self.attempt = self._ask("new attempt")
        return _Id(str(self.attempt))

    def read_listing(self, asked: Asked, contract: str, _month: object, _left: object) -> Asked:
        found = self._ask("look", month.CONTRACTS.index(contract))
        if found is None:
            raise ListingUnavailable("HTTP 404")
        listed = {
            name: {"r": listing.Stored(record_id="r", quantity=month.QUANTITIES[name])}
            for name, count in zip(month.DIMENSIONS, found, strict=True)
            if count
        }
        return replace(asked, queries=(), listing=listing.Listing(listed))

    def submit(self, request: Request) -> submission.Reply:
        records = request.records
        names = [record["dimension"] for record in records]
        place = month.CONTRACTS.index(records[0]["contract_id"])
        self._ask("post", place, tuple(month.DIMENSIONS.index(name) for name in names))
        outcome, *kinds = self._ask("answer")
        given = {
            name: submission.Answer(kind=kind, code="DUPLICATE" if kind == "present" else "")
            for name, kind in zip(names, kinds, strict=True)
        }
        return submission.Reply(outcome, given)


class _Id(NamedTuple):
    hex: str


now_playing: list[Outside] = []


def new_attempt() -> "_Id":
    """Stand in for uuid4 in SubmitContract: ids are small and used again when they are free."""
    return now_playing[-1].new_attempt()
