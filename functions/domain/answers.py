"""What Clazar answered, read per record. Only `status: success` is billed.

Sources: vendor notes on `POST /metering/` (per-record `results` under HTTP 200; rejected entries
may lack contract and dimension; a duplicate is an explicit rejection).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from functions.domain.ledger_entry import OTHER_QUANTITY
from functions.domain.listing import read_time, same_contract, same_dimension, same_quantity

_DUPLICATE_PHRASES = (("same contract_id", "same hour"), ("already exists",), ("duplicate",))
_MOST_LETTERS = 500


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one record after a request or a look.

    `accepted`: billed. `refused`: not billed. `present`: the receiver holds a record for this
    window, and whether it is ours has to be looked up. `unknown`: no answer for this record.
    `not_taken`: the request did not reach it.
    """

    kind: Literal["accepted", "refused", "present", "unknown", "not_taken"]
    record_id: str | None = None
    code: str = ""
    message: str = ""
    errors: tuple[str, ...] = ()


Outcome = Literal["answered", "busy", "unreachable", "unserved", "unknown"]


class Reply(NamedTuple):
    """The outcome of one POST: an answer per dimension, and the evidence for the ledger."""

    outcome: Outcome
    answers: Mapping[str, Answer]
    status: int | None = None
    response: str = ""


UNKNOWN = Answer(kind="unknown")
NOT_TAKEN = Answer(kind="not_taken")
Records = Sequence[Mapping[str, str]]


def read_results(records: Records, body: object) -> dict[str, Answer]:
    """Return an answer per dimension for the records of one request of one contract."""
    results = body.get("results") if isinstance(body, Mapping) else None
    if not isinstance(results, list):
        return {record["dimension"]: UNKNOWN for record in records}
    if len(results) == 1 < len(records) and _is_unlabelled_error(results[0]):
        # The documented form of "this contract is unknown": one error for the whole request.
        return {record["dimension"]: _read(record, results[0]) for record in records}
    matched = _match(records, results)
    return {
        record["dimension"]: _read(record, matched.get(record["dimension"])) for record in records
    }


def _is_unlabelled_error(result: object) -> bool:
    return isinstance(result, Mapping) and not result.get("dimension") and _is_error(result)


def _is_error(result: Mapping[str, Any]) -> bool:
    return bool(result.get("errors")) or (
        "status" not in result and bool(result.get("code") or result.get("message"))
    )


def _match(records: Records, results: list[Any]) -> dict[str, object]:
    """Match by dimension where a result names one, by position where none is misplaced."""
    names = [item.get("dimension") if isinstance(item, Mapping) else None for item in results]
    wanted = [record["dimension"] for record in records]
    in_order = len(names) == len(wanted) and all(
        name is None or same_dimension(name, want) for name, want in zip(names, wanted, strict=True)
    )
    if in_order:
        return dict(zip(wanted, results, strict=True))
    found = {
        want: [
            item for name, item in zip(names, results, strict=True) if same_dimension(name, want)
        ]
        for want in wanted
    }
    return {want: items[0] for want, items in found.items() if len(items) == 1}


def _read(record: Mapping[str, str], result: object) -> Answer:
    if not isinstance(result, Mapping) or not _is_of(record, result):
        return UNKNOWN
    record_id = str(result["id"]) if result.get("id") else None
    if _is_error(result):
        return _refusal(result, record_id)
    return _by_status(record, result, record_id)


def _is_of(record: Mapping[str, str], result: Mapping[str, Any]) -> bool:
    """Whether nothing in an answer speaks of another contract or month; it may name neither."""
    contract, begins = result.get("contract_id"), result.get("start_time")
    if contract is not None and not same_contract(contract, record["contract_id"]):
        return False
    return begins is None or read_time(begins) == read_time(record["start_time"])


def _by_status(
    record: Mapping[str, str], result: Mapping[str, Any], record_id: str | None
) -> Answer:
    status = str(result.get("status")).strip().casefold()
    if status == "success":
        same = same_quantity(result.get("quantity", record["quantity"]), record["quantity"])
        if same:
            return Answer(kind="accepted", record_id=record_id)
        return Answer(kind="present", record_id=record_id, code=OTHER_QUANTITY)
    if status in ("fail", "error"):
        message = f"Clazar stored the record with status {status!r} and does not bill it"
        return Answer(
            kind="refused",
            record_id=record_id,
            code="NOT_BILLED",
            message=message,
            errors=(message,),
        )
    return Answer(kind="unknown", record_id=record_id, message=f"status {status!r}")


def _refusal(result: Mapping[str, Any], record_id: str | None) -> Answer:
    errors = _texts(result.get("errors")) or _texts(result.get("message"))
    code = str(result.get("code") or "REFUSED")[:_MOST_LETTERS]
    message = str(result.get("message") or "")[:_MOST_LETTERS]
    text = " ".join((*errors, message, code)).lower()
    duplicate = any(all(word in text for word in phrase) for phrase in _DUPLICATE_PHRASES)
    # Stored under a status or an id that is not a failure's: what it is has to be looked up.
    status = str(result.get("status") or "").strip().casefold()
    created = not status and record_id and not result.get("errors")
    contradictory = created or status not in ("", "fail", "failed", "error")
    return Answer(
        kind="present" if duplicate or contradictory else "refused",
        record_id=record_id,
        code=code,
        message=message or (errors[0] if errors else code),
        errors=errors or (code,),
    )


def _texts(value: object) -> tuple[str, ...]:
    if not value:
        return ()
    items = value if isinstance(value, list) else [value]
    found = (item.get("message", item) if isinstance(item, Mapping) else item for item in items)
    return tuple(str(item)[:_MOST_LETTERS] for item in found)[:20]


def read_refusal(records: Records, status: int, body: object) -> dict[str, Answer]:
    """Return the answer to a request that was refused as a whole with an HTTP error."""
    if isinstance(body, Mapping) and isinstance(body.get("results"), list):
        return read_results(records, body)
    details = body if isinstance(body, Mapping) else {}
    inner = details.get("error")
    if isinstance(inner, Mapping):
        details = inner
    message = details.get("message") or details.get("detail") or body or f"HTTP {status}"
    refused = _refusal({"message": message, "code": f"HTTP_{status}"}, None)
    return {record["dimension"]: refused for record in records}
