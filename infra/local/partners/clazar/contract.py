"""What Clazar takes and how it words a refusal: pure rules, no HTTP and no state.

Clazar documents no answer for most mistakes, so this is the strict reading of what is known:

* the *shape of the request as a whole* (not JSON, a bare array, a field beside `request`, no
  record, more than 25) is answered with HTTP 400 and nothing of it is looked at;
* anything about *one record* (unknown or missing field, bad value, unknown contract, duplicate) is
  an error result at that record's place in an HTTP 200 answer, and its neighbours are not touched,
  because Clazar reports per record and a client that only looks at the HTTP status must be caught.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from infra.local.partners.strict_json import ShapeError, is_time, parse_json

Record = dict[str, Any]
Result = dict[str, Any]

MOST_RECORDS = 25  # AWS's own batch limit; Clazar publishes none
CLOUDS = ("aws", "azure", "gcp")
REQUIRED = ("cloud", "contract_id", "dimension", "start_time", "end_time", "quantity")
OPTIONAL = ("custom_properties",)
FILTERS = ("cloud", "contract_id", "dimension", "status")

_INTEGER = re.compile(r"[1-9][0-9]*")
_PAGE = re.compile(r"[1-9][0-9]{0,8}")
_DECIMAL = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?")


@dataclass(frozen=True)
class Refusal:
    """Why one record was not taken.

    An unknown contract is not `labelled`: the live service answers it without naming the contract,
    so a client has to go by position or send one contract per call.
    """

    code: str
    message: str
    errors: tuple[str, ...]
    labelled: bool = True

    def result(self, record: Record) -> Result:
        """Word it as a result."""
        labels = ("contract_id", "dimension") if self.labelled else ()
        return {
            "code": self.code,
            "message": self.message,
            "errors": list(self.errors),
            **{name: record[name] for name in labels if name in record},
        }


UNKNOWN_CONTRACT = Refusal(
    "INVALID_CONTRACT", "The contract was not found.", ("contract not found",), labelled=False
)
DIMENSION_NOT_ALLOWED = Refusal(
    "INVALID_DIMENSION", "The dimension was rejected.", ("dimension not allowed for this contract",)
)
DUPLICATE = Refusal(
    "DUPLICATE_RECORD",
    "The metering record was rejected.",
    ("a record with the same contract_id and dimension in the same hour was already accepted",),
)


@dataclass(frozen=True)
class ListingQuery:
    """What `GET /metering/` was asked for."""

    wanted: dict[str, str]
    page: int
    page_size: int


def parse_submission(body: bytes) -> list[Record]:
    """Take the records out of `{"request": [...]}`, or say why the whole request is refused."""
    document = parse_json(body)
    if not isinstance(document, dict):
        message = "the body must be an object with the key 'request', not a bare array or value"
        raise ShapeError(message)
    if set(document) != {"request"}:
        message = f"the body must have the key 'request' and no other, got {sorted(document)}"
        raise ShapeError(message)
    records = document["request"]
    if not isinstance(records, list) or not all(isinstance(item, dict) for item in records):
        raise ShapeError("'request' must be an array of objects")
    if not 1 <= len(records) <= MOST_RECORDS:
        raise ShapeError(f"'request' must hold 1 to {MOST_RECORDS} records, got {len(records)}")
    return records


def parse_listing_query(query: list[tuple[str, str]], page_limit: int) -> ListingQuery:
    """Read filters and paging; a filter that Clazar does not have is refused.

    Ignoring it, as the real service may, would let a client believe that it had filtered by time.
    """
    given = dict(query)
    unknown = sorted(set(given) - {*FILTERS, "page", "page_size"})
    if unknown or len(given) < len(query):
        raise ShapeError(f"unknown or repeated parameters in the query: {unknown}")
    page, size = given.get("page", "1"), given.get("page_size", str(page_limit))
    if not (_PAGE.fullmatch(page) and _PAGE.fullmatch(size)):
        raise ShapeError("page and page_size must be positive integers")
    wanted = {name: given[name] for name in FILTERS if name in given}
    return ListingQuery(wanted, int(page), min(int(size), page_limit))


def record_problems(record: Record) -> list[str]:
    """Name everything that is wrong with one record; an empty list means it can be taken."""
    problems = [f"{name}: unknown field" for name in record if name not in (*REQUIRED, *OPTIONAL)]
    problems += [f"{name}: required" for name in REQUIRED if name not in record]
    for name, (holds, rule) in _RULES.items():
        if name in record and not holds(record[name]):
            problems.append(f"{name}: must be {rule}")
    if not problems:
        problems = _problems_between_fields(record)
    return problems


def duplicate_key(record: Record) -> tuple[str, str, str]:
    """Give what Clazar compares: contract, dimension and the hour in which the record starts."""
    return record["contract_id"], record["dimension"], record["start_time"][: len("2025-06-01T00")]


def stored_result(record: Record, record_id: str, status: str) -> Result:
    """Echo a stored record as Clazar does, `custom_properties` always present."""
    return {"id": record_id, **record, "status": status} | {
        "custom_properties": record.get("custom_properties", {})
    }


def _problems_between_fields(record: Record) -> list[str]:
    problems = []
    quantity: str = record["quantity"]
    if record["cloud"] == "aws" and not _INTEGER.fullmatch(quantity):
        problems.append("quantity: must be a string of a positive integer for aws")
    elif not Decimal(quantity) > 0:
        problems.append("quantity: must be more than zero")
    if not datetime.fromisoformat(record["start_time"]) < datetime.fromisoformat(
        record["end_time"]
    ):
        problems.append("end_time: must be after start_time")
    return problems


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "cloud": (lambda value: value in CLOUDS, f"one of {', '.join(CLOUDS)}"),
    "contract_id": (_is_text, "a string that is not empty"),
    "dimension": (_is_text, "a string that is not empty"),
    "start_time": (is_time, "an ISO-8601 time with Z"),
    "end_time": (is_time, "an ISO-8601 time with Z"),
    "quantity": (
        lambda value: isinstance(value, str) and bool(_DECIMAL.fullmatch(value)),
        "a string of a positive number in plain digits",
    ),
    "custom_properties": (lambda value: isinstance(value, dict), "an object"),
}
