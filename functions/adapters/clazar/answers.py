"""What Clazar answered, read per record. Only `status: success` is billed.

Sources: vendor notes on `POST /metering/` (per-record `results` under HTTP 200; rejected entries
may lack contract and dimension; a duplicate is an explicit rejection).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from functions.domain.envelope import as_number, flat, plain, says_failed
from functions.domain.ledger.entry import OTHER_QUANTITY
from functions.domain.ledger.reading import (
    not_billed,
    read_time,
    same_contract,
    same_dimension,
    same_quantity,
    taken_back,
)
from functions.domain.ledger.submission import UNKNOWN, Answer

_DUPLICATE_PHRASES = (("same contract_id", "same hour"), ("already exists",), ("duplicate",))
_COUNTS = re.compile(
    r"(num|number|total|count)?(of)?(fail(ed|ures?)?|errors?|rejected|refused|invalid|unprocessed"
    r"|skipped|dropped)(records?|rows|items|results)?(count|total)?"
)
_WORDS = ("message", "reason", "error", "detail", "errors")
_MOST_LETTERS = 500
_REFUSED = 300
Records = Sequence[Mapping[str, str]]


def read_answers(records: Records, body: object, status: int = 200) -> dict[str, Answer]:
    """Return an answer per dimension for the records of one request of one contract.

    A `status` that is an error refuses all of them, unless the body says more of each. What failed
    as a whole has accepted none of them, whatever it says of each.
    """
    results = body.get("results") if isinstance(body, Mapping) else None
    if isinstance(body, Mapping) and isinstance(results, list) and (results or status < _REFUSED):
        pairs = zip(records, _matched(records, results), strict=True)
        found = {record["dimension"]: _read(record, result) for record, result in pairs}
        refused = sum(answer.kind == "refused" for answer in found.values())
        failed = f"HTTP {status}" if status >= _REFUSED else _failed(body, refused)
        return {n: _doubted(answer, failed) if failed else answer for n, answer in found.items()}
    whole = _refused_as_a_whole(body, status) if status >= _REFUSED else UNKNOWN
    return {record["dimension"]: whole for record in records}


def _failed(body: Mapping[str, Any], refused: int) -> str:
    """Return what shows that a request failed as a whole, or more of it than was refused."""
    for name, value in flat(body, "results"):
        number = len(value) if isinstance(value, list) else as_number(value) or 0
        if _COUNTS.fullmatch(plain(name)) and number > refused:
            return f"{name} is {value}"[:_REFUSED]
    return says_failed(body, "results")


def _doubted(answer: Answer, failed: str) -> Answer:
    if answer.kind != "accepted":
        return answer
    text = f"status 'success', but {failed}"
    return Answer(kind="unknown", record_id=answer.record_id, message=text)


def _matched(records: Records, results: list[Any]) -> list[Any]:
    """Return each record's result: by dimension where one is named, by position where all fit.

    Where some succeed and some do not, an order that nothing confirms may be another one.
    """
    only = results[0] if len(results) == 1 < len(records) else None
    if isinstance(only, Mapping) and not only.get("dimension") and _is_error(only):
        # The documented form of "this contract is unknown": one error for the whole request.
        return [only] * len(records)
    names = [item.get("dimension") if isinstance(item, Mapping) else None for item in results]
    wanted = [record["dimension"] for record in records]
    places = [
        name is None or same_dimension(name, want)
        for name, want in zip(names, wanted, strict=False)
    ]
    unnamed = any(
        name is None and _succeeds(item) for name, item in zip(names, results, strict=True)
    )
    is_clear = not unnamed or all(map(_succeeds, results))
    if is_clear and all(places) and len(names) == len(wanted):
        return results
    named = list(zip(names, results, strict=True))
    found = [[item for name, item in named if same_dimension(name, want)] for want in wanted]
    return [items[0] if len(items) == 1 else None for items in found]


def _succeeds(result: object) -> bool:
    said = result.get("status") if isinstance(result, Mapping) else None
    return str(said).strip().casefold() == "success"


def _is_error(result: Mapping[str, Any]) -> bool:
    return bool(result.get("errors")) or (
        "status" not in result and bool(result.get("code") or result.get("message"))
    )


def _read(record: Mapping[str, str], result: object) -> Answer:
    if not isinstance(result, Mapping) or not _is_of(record, result):
        return UNKNOWN
    record_id = str(result["id"]) if result.get("id") else None
    if _is_error(result):
        return _refusal(result, record_id)
    status = str(result.get("status")).strip().casefold()
    sent = record["quantity"]
    if status == "success" and same_quantity(result.get("quantity", sent), sent):
        accepted, failed = Answer(kind="accepted", record_id=record_id), taken_back(result)
        return _doubted(accepted, failed) if failed else accepted
    if status == "success":
        return Answer(kind="present", record_id=record_id, code=OTHER_QUANTITY)
    words = [text for name in _WORDS for text in _texts(result.get(name))]
    if not_billed(result):
        text = f"Clazar stored the record with status {status!r} and does not bill it"
        text = ": ".join((text, *words))
        return _refusal({"status": status, "code": "NOT_BILLED", "message": text}, record_id)
    text = ": ".join((f"status {status!r}", *words))[:_MOST_LETTERS]
    return Answer(kind="unknown", record_id=record_id, message=text)


def _is_of(record: Mapping[str, str], result: Mapping[str, Any]) -> bool:
    """Return True if a result names no other contract or month; it may name neither."""
    contract, begins = result.get("contract_id"), result.get("start_time")
    if contract is not None and not same_contract(contract, record["contract_id"]):
        return False
    return begins is None or read_time(begins) == read_time(record["start_time"])


def _refusal(result: Mapping[str, Any], record_id: str | None) -> Answer:
    errors = _texts(result.get("errors")) or _texts(result.get("message"))
    code = str(result.get("code") or "REFUSED")[:_MOST_LETTERS]
    message = str(result.get("message") or "")[:_MOST_LETTERS]
    text = " ".join((*errors, message, code)).lower()
    duplicate = any(all(word in text for word in phrase) for phrase in _DUPLICATE_PHRASES)
    # Stored under a status or an id that is not a failure's: what it is has to be looked up.
    status = str(result.get("status") or "").strip().casefold()
    created = not status and record_id and not result.get("errors")
    contradictory = status and not not_billed(result)
    return Answer(
        kind="present" if duplicate or created or contradictory else "refused",
        record_id=record_id,
        code=code,
        message=message or (errors[0] if errors else code),
        errors=errors or (code,),
    )


def _texts(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value] if value else []
    found = (item.get("message", item) if isinstance(item, Mapping) else item for item in items)
    return tuple(str(item)[:_MOST_LETTERS] for item in found)[:20]


def _refused_as_a_whole(body: object, status: int) -> Answer:
    details = body if isinstance(body, Mapping) else {}
    inner = details.get("error")
    details = inner if isinstance(inner, Mapping) else details
    message = details.get("message") or details.get("detail") or body or f"HTTP {status}"
    return _refusal({"message": message, "code": f"HTTP_{status}"}, None)
