"""What CloudZero takes as a billing drop: pure rules, no HTTP and no state.

Where CloudZero's guide and its schema disagree the strict reading that every example follows is
taken, except for the sign of a cost: credits are negative in everything that was seen live.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from infra.local.partners.strict_json import ShapeError, is_time, parse_json

Row = dict[str, str]

REPLACE_DROP = "replace_drop"
LINE_TYPES = (
    *("Usage", "Tax", "Support", "Fee", "Purchase", "CommittedUsePurchase"),
    *("Discount", "Credit", "Adjustment"),
)
START, COST = "time/usage_start", "cost/cost"
MOST_BYTES = 5_000_000
ROWS_NAMED = 5

_MONTH = re.compile(r"([0-9]{4}-(?:0[1-9]|1[0-2]))(?:-01T00:00:00Z)?")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_TAG = re.compile(r"resource/tag:[A-Za-z0-9_.:/=+@-]+")
_TEXT_COLUMNS = (
    *("lineitem/id", "lineitem/description", "lineitem/cloud_provider", "bill/invoice_id"),
    *("resource/id", "resource/account", "resource/service", "resource/region"),
    *("resource/usage_family", "action/usage_type", "action/operation", "action/region"),
    *("action/account", "usage/amount", "usage/units"),
    *("k8s/cluster", "k8s/namespace", "k8s/deployment", "k8s/labels"),
)
_OTHER_COSTS = ("discounted_cost", "amortized_cost", "discounted_amortized_cost", "on_demand_cost")


@dataclass(frozen=True)
class Drop:
    """One understood request: `month` is `YYYY-MM` in whatever form it was sent."""

    month: str
    rows: list[Row]


def parse_month(value: object) -> str | None:
    """Give `YYYY-MM` for one of the two forms that CloudZero documents, else nothing."""
    found = _MONTH.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def parse_drop(body: bytes) -> Drop:
    """Read the body of a drop, or say why it is refused."""
    document = parse_json(body)
    if not isinstance(document, dict) or not {"data"} <= set(document) <= {
        *("month", "operation", "data")
    }:
        message = "the body must be an object with 'data', and may have 'month' and 'operation'"
        raise ShapeError(message)
    data = document["data"]
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise ShapeError("'data' must be an array of objects")
    operation = document.get("operation", REPLACE_DROP)
    if operation != REPLACE_DROP:
        message = f"'operation' must be {REPLACE_DROP}, all that this one plays, got {operation!r}"
        raise ShapeError(message)
    return whole_month(document.get("month"), data)


def whole_month(month: object, rows: Sequence[Row]) -> Drop:
    """Make the drop that leaves a month with exactly these rows."""
    known = parse_month(month)
    if known is None:
        raise ShapeError("'month' must be YYYY-MM or YYYY-MM-01T00:00:00Z")
    _check_rows(rows, known)
    return Drop(known, list(rows))


def _check_rows(rows: Sequence[dict[str, Any]], month: str) -> None:
    """Refuse all rows if one is bad; only the first few are named, as a file may be all wrong."""
    found = ((number, _row_problems(row, month)) for number, row in enumerate(rows))
    bad = [f"data[{number}]: {', '.join(problems)}" for number, problems in found if problems]
    if len(bad) > ROWS_NAMED:
        bad[ROWS_NAMED:] = [f"and {len(bad) - ROWS_NAMED} more rows"]
    if bad:
        raise ShapeError("; ".join(bad))


def _row_problems(row: dict[str, Any], month: str) -> list[str]:
    problems = [f"{name}: required" for name in (START, COST) if name not in row]
    tagged = [name for name in row if _TAG.fullmatch(name)]
    if tagged and not row.get("resource/id"):
        problems.append("resource/id: required with a tag")
    for name, value in row.items():
        holds, wanted = _TEXT if name in tagged else _RULES.get(name, _UNKNOWN)
        if not isinstance(value, str) or not holds(value):
            problems.append(f"{name}: {wanted}")
        elif name == START and not value.startswith(month):
            problems.append(f"{name}: must be inside {month}")
    return problems


def _is_time(value: str) -> bool:
    return is_time(value, fraction=False)


def _is_hour(value: str) -> bool:
    return _is_time(value) and value.endswith(":00:00Z")


def _is_decimal(value: str) -> bool:
    return bool(_DECIMAL.fullmatch(value))


_Rule = tuple["Callable[[str], bool]", str]
_TEXT: _Rule = (lambda _: True, "must be a string")
_UNKNOWN: _Rule = (lambda _: False, "unknown column")
_RULES: dict[str, _Rule] = {
    START: (_is_hour, "must be a time on the hour, as in 2025-06-01T00:00:00Z"),
    "time/usage_end": (_is_time, "must be a time, as in 2025-06-30T23:59:59Z"),
    "lineitem/type": (lambda value: value in LINE_TYPES, f"must be one of {', '.join(LINE_TYPES)}"),
    COST: (_is_decimal, "must be a string of a plain decimal"),
    **{
        f"cost/{name}": (
            lambda value: value == "" or _is_decimal(value),  # blank falls back to cost/cost
            "must be a string of a plain decimal, or empty",
        )
        for name in _OTHER_COSTS
    },
    **dict.fromkeys(_TEXT_COLUMNS, _TEXT),
}
