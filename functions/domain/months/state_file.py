"""The state file: the seed's `metering_state.json`, a view and a control surface for operators.

Its structure is kept to the letter, keys this program does not know included, because operators
edit it by hand and the earlier script wrote it. It is a view: the ledger decides what was sent.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from functions.domain.conversion import unique
from functions.domain.ledger.reading import as_meant
from functions.domain.month import Month
from functions.domain.wording import mistyped
from functions.errors import BadState


class ErrorRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of `error_contracts`."""

    contract_id: str
    errors: list[str]
    code: str
    message: str
    payload: dict[str, Any] | None = None
    retry_count: int = 0
    last_retry_time: str | None = None


class MonthState(NamedTuple):
    """What the state file says of one plan's month."""

    done: frozenset[str] = frozenset()
    errors: Mapping[str, Mapping[str, Any]] = MappingProxyType({})

    @property
    def failed(self) -> frozenset[str]:
        """The contracts that are listed as errors."""
        return frozenset(self.errors)

    def shows(self, record: ErrorRecord) -> bool:
        """Return True if an error stands in the file as it is, whatever people added to it."""
        item = self.errors.get(record.contract_id, {})
        wanted = msgspec.to_builtins(record)
        return all(name in item and item[name] == value for name, value in wanted.items())


class PlanState(msgspec.Struct, frozen=True, kw_only=True):
    """What the state file says of one plan, by month; errors as they stand there."""

    last_processed_month: Month | None = None
    success: dict[Month, frozenset[str]] = {}
    errors: dict[Month, dict[str, dict[str, Any]]] = {}

    def at(self, month: Month) -> MonthState:
        """Return the contracts of one month."""
        return MonthState(self.success.get(month, frozenset()), self.errors.get(month, {}))


Document = dict[str, Any]
_READ = ("last_processed_month", "success_contracts", "error_contracts")
_UTF_8 = "utf-8-sig"  # an editor may have written a byte order mark
_as_json = partial(json.dumps, ensure_ascii=False)
_EXAMPLE = {"success_contracts": '["c-1"]', "error_contracts": '[{"contract_id": "c-1"}]'}


def parse(body: bytes, key: str) -> Document:
    """Read the whole file; BadState says what cannot be understood."""
    try:
        document = json.loads(body.decode(_UTF_8), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise left_as_it_is(f"state file {key} cannot be read", str(error)) from error
    if not isinstance(document, dict):
        raise left_as_it_is(f"state file {key}", f"{_shown(document)} is not a JSON object")
    return document


def left_as_it_is(where: str, what: str) -> BadState:
    """Return the error about a place in the state file that cannot mean what it says."""
    said = f"{where}: {what}{'.' * (what[-1] != '?')} The file was left as it is."
    return BadState(said.encode(errors="backslashreplace").decode())  # it may have half a character


def _shown(value: object) -> str:
    return _as_json(value)[:80]


def read_plan(document: Document, plan_key: str, key: str) -> PlanState:
    """Return what the file says of one plan; an empty state if it does not name it."""
    where = f"state file {key}, {plan_key}"
    if wrong := _misplaced(document, plan_key):
        raise left_as_it_is(f"state file {key}", wrong)
    entry = document.get(plan_key, {})
    if not isinstance(entry, dict) or plan_key in entry:
        raise left_as_it_is(where, f"{_shown(entry)} is not the object of a plan")
    if wrong := mistyped(entry, _READ):
        raise left_as_it_is(where, wrong)
    last, last_at = entry.get("last_processed_month"), f"{where}.last_processed_month"
    done = _by_month(entry, "success_contracts", where, lambda item: item)
    return PlanState(
        last_processed_month=None if last is None else _month(last, last_at),
        success={month: frozenset(found) for month, found in done.items()},
        errors=_by_month(entry, "error_contracts", where, _contract_of),
    )


def _misplaced(document: Document, plan_key: str) -> str:
    """Return what stands beside the plans and was meant to be in one; empty if nothing does."""
    for name in sorted(document.keys() - {plan_key}):
        if name in _READ:
            return f"{name!r} stands beside the plans; move it into {plan_key!r} or another"
        letters = re.sub(r"\W", "", name) == re.sub(r"\W", "", plan_key)
        if _bare(name) == _bare(plan_key) or (letters and name.count(":") != plan_key.count(":")):
            return f"{name!r} is not known; did you mean {plan_key}?"
    return ""


def _bare(name: str) -> str:
    return re.sub(r"\s", "", as_meant(name)).rstrip(".,;")


def _contract_of(item: object) -> object:
    return item.get("contract_id") if isinstance(item, Mapping) else None


def _month(text: object, where: str) -> Month:
    try:
        return Month.parse(text)
    except ValueError as error:
        raise left_as_it_is(where, str(error)) from error


def _by_month(
    entry: Document, name: str, where: str, contract_of: Callable[[object], object]
) -> dict[Month, dict[str, Any]]:
    months = entry.get(name, {})
    if not isinstance(months, dict):
        raise left_as_it_is(f"{where}.{name}", f"{_shown(months)} is not an object of months")
    found: dict[Month, dict[str, Any]] = {}
    for text, items in months.items():
        place = f"{where}.{name}.{text}"
        if not isinstance(items, list):
            example = f"write one such as {_EXAMPLE[name]}"
            raise left_as_it_is(place, f"{_shown(items)} is not a list; {example}")
        of_month = found.setdefault(_month(text, f"{where}.{name}"), {})
        for item in items:
            if not isinstance(contract := contract_of(item), str) or not contract.strip():
                what = f"{_shown(item)} names no contract; write {_EXAMPLE[name]}"
                raise left_as_it_is(place, what)
            of_month[contract.strip()] = item
    return found


def record_month(
    document: Document,
    plan_key: str,
    month: Month,
    *,
    at: str,
    successes: Collection[str] = (),
    errors: Iterable[ErrorRecord] = (),
    reopened: Collection[str] = (),
    closes: bool = False,
) -> Document:
    """Return the file with a month's outcome added; all else stays as it was.

    Successes are appended in order and leave the error list; so do those `reopened`, as if an
    operator had removed them. `closes` moves `last_processed_month` to this month.
    """
    entry: Document = dict(document.get(plan_key, {}))
    done, failed = entry.get("success_contracts", {}), entry.get("error_contracts", {})
    name = str(month)
    known = set(done.get(name, []))
    listed = [*done.get(name, []), *(contract for contract in successes if contract not in known)]
    kept = _errors(failed.get(name, []), errors, {*successes, *reopened})
    if closes:
        entry["last_processed_month"] = name
    entry |= {
        "last_updated": at,
        "success_contracts": _with(done, name, listed),
        "error_contracts": _with(failed, name, kept),
    }
    return {**document, plan_key: entry}


def _errors(listed: list[Any], errors: Iterable[ErrorRecord], gone: set[str]) -> list[Any]:
    """Return a month's errors; a new one replaces an earlier entry of its contract."""
    records = {record.contract_id: record for record in errors}
    replaced = gone | records.keys()
    written = [(item, item["contract_id"]) for item in listed]
    kept = [item for item, name in written if replaced.isdisjoint((name, name.strip()))]
    return kept + [msgspec.to_builtins(records[contract]) for contract in sorted(records)]


def _with(months: Document, name: str, items: list[Any]) -> Document:
    """Return the lists of months with that of one; a month without any is not added."""
    return {**months, name: items} if items or name in months else months


def encode(document: Document) -> bytes:
    """Write the file as people edit it: indented, in the order it had."""
    text = _as_json(document, indent=2) + "\n"
    return text.encode(errors="backslashreplace")  # half a character has no other way to be written
