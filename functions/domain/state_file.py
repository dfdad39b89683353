"""The state file: the seed's `metering_state.json`, a view and a control surface for operators.

Its structure is kept to the letter, keys this program does not know included, because operators
edit it by hand and the earlier script wrote it. It is a view: the ledger decides what was sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from functions.domain.month import Month
from functions.errors import BadState


class PlanState(msgspec.Struct, frozen=True, kw_only=True):
    """What the state file says of one plan. `shown`: the items of `errors` as they stand there."""

    last_processed_month: Month | None = None
    success: dict[Month, frozenset[str]] = {}
    errors: dict[Month, frozenset[str]] = {}
    shown: dict[Month, dict[str, dict[str, Any]]] = {}

    def at(self, month: Month) -> MonthState:
        """Return the contracts of one month."""
        nobody: frozenset[str] = frozenset()
        return MonthState(
            self.success.get(month, nobody),
            self.errors.get(month, nobody),
            self.shown.get(month, {}),
        )


class MonthState(NamedTuple):
    """What the state file says of one plan's month."""

    done: frozenset[str]
    failed: frozenset[str]
    shown: Mapping[str, Mapping[str, Any]] = MappingProxyType({})

    def shows(self, record: ErrorRecord) -> bool:
        """Say whether an error stands in the file as it is; what people added to it is theirs."""
        item = self.shown.get(record.contract_id, {})
        wanted = msgspec.to_builtins(record)
        return all(name in item and item[name] == value for name, value in wanted.items())


class ErrorRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of `error_contracts`."""

    contract_id: str
    errors: list[str]
    code: str
    message: str
    payload: dict[str, Any] | None = None
    retry_count: int = 0
    last_retry_time: str | None = None


Document = dict[str, Any]


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"key {repeated[0]!r} stands twice in one object")
    return found


def parse(body: bytes | None, key: str) -> Document:
    """Read the whole file; no file is an empty one. BadState says what cannot be understood."""
    if body is None:
        return {}
    try:
        document = json.loads(body.decode("utf-8-sig"), object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError) as error:
        raise BadState(
            f"state file {key} cannot be read: {error}. It was left as it is."
        ) from error
    if not isinstance(document, dict):
        raise BadState(f"state file {key} must hold a JSON object. It was left as it is.")
    return document


def read_plan(document: Document, plan_key: str, key: str) -> PlanState | None:
    """Return what the file says of one plan, None if it does not name it."""
    if plan_key not in document:
        return None
    where = f"state file {key}, {plan_key}"
    entry = document[plan_key]
    if not isinstance(entry, dict):
        raise BadState(f"{where}: {entry!r} is not an object")
    last = entry.get("last_processed_month")
    return PlanState(
        last_processed_month=None
        if last is None
        else _month(last, f"{where}.last_processed_month"),
        success=_lists(entry, "success_contracts", where, _contract),
        errors=_lists(entry, "error_contracts", where, _error_contract),
        shown={
            _month(text, where): {item["contract_id"]: item for item in items}
            for text, items in entry.get("error_contracts", {}).items()
        },
    )


def _month(text: object, where: str) -> Month:
    try:
        return Month.parse(text)
    except ValueError as error:
        raise BadState(f"{where}: {error}. The file was left as it is.") from error


def _contract(item: object) -> str | None:
    return item if isinstance(item, str) else None


def _error_contract(item: object) -> str | None:
    return _contract(item.get("contract_id")) if isinstance(item, Mapping) else None


def _lists(entry: Document, name: str, where: str, read: Any) -> dict[Month, frozenset[str]]:
    months = entry.get(name, {})
    if not isinstance(months, dict):
        raise BadState(f"{where}.{name}: {months!r} is not an object of months")
    found = {}
    for text, items in months.items():
        place = f"{where}.{name}.{text}"
        if not isinstance(items, list):
            raise BadState(f"{place}: {items!r} is not a list")
        contracts = [read(item) for item in items]
        if None in contracts:
            bad = items[contracts.index(None)]
            raise BadState(f"{place}: {str(bad)[:80]!r} names no contract")
        found[_month(text, f"{where}.{name}")] = frozenset(contracts)
    return found


def record_month(
    document: Document,
    plan_key: str,
    month: Month,
    *,
    successes: Sequence[str],
    errors: Iterable[ErrorRecord],
    closes: bool,
    at: str,
) -> Document:
    """Return the file with a month's outcome added; all else stays as it was.

    Successes are appended in order and leave the error list; an error replaces an earlier entry of
    its contract. `closes` moves `last_processed_month` to this month.
    """
    entry: Document = dict(document.get(plan_key, {}))
    done = dict(entry.get("success_contracts", {}))
    failed = dict(entry.get("error_contracts", {}))
    name = str(month)
    records = {record.contract_id: record for record in errors}
    listed = list(done.get(name, []))
    listed += [contract for contract in successes if contract not in set(listed)]
    settled = set(successes) | records.keys()
    kept = [item for item in failed.get(name, []) if item["contract_id"] not in settled]
    kept += [msgspec.to_builtins(records[contract]) for contract in sorted(records)]
    if listed or name in done:
        done[name] = listed
    if kept or name in failed:
        failed[name] = kept
    entry["last_processed_month"] = name if closes else entry.get("last_processed_month")
    entry |= {"last_updated": at, "success_contracts": done, "error_contracts": failed}
    if entry["last_processed_month"] is None:
        del entry["last_processed_month"]
    return {**document, plan_key: entry}


def without_error(
    document: Document, plan_key: str, month: Month, contract: str, *, at: str
) -> Document:
    """Return the file without a contract's error, as if an operator had removed it."""
    entry: Document = dict(document.get(plan_key, {}))
    failed = dict(entry.get("error_contracts", {}))
    if str(month) in failed:
        kept = [item for item in failed[str(month)] if item["contract_id"] != contract]
        failed[str(month)] = kept
    return {**document, plan_key: {**entry, "last_updated": at, "error_contracts": failed}}


def encode(document: Document) -> bytes:
    """Write the file as people edit it: indented, in the order it had."""
    try:
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:  # half a character, which JSON can only write as an escape
        return (json.dumps(document, indent=2) + "\n").encode()
