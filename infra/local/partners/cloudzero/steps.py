"""What each word of a CloudZero script does to one request.

A plan is plain data and each word changes one thing in it, so words can be joined:
`"slow:0.2+keep:3"`, `"ingest:60+lost"`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from infra.local.partners.clazar.steps import parse_seconds
from infra.local.partners.cloudzero.replies import refusal
from infra.local.partners.http import CUT, Reply

STATUSES = (400, 401, 403, 404, 408, 409, 413, 425, 429, 500, 502, 503, 504)
LONGEST_INGEST = 86_400
Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What happens to one request; the defaults are a service in good health."""

    words: str = "ok"
    wait: float = 0
    stores: bool = True
    keep: int | None = None
    late: float = 0
    ingest: float = 0
    answer: Reply | None = None
    view: Callable[[list[Row]], list[Row]] = list


Step = Callable[[Plan, str], Plan]


def _setting(**changes: Any) -> Step:
    """Make a step for a word that takes no argument."""

    def step(plan: Plan, argument: str) -> Plan:
        if argument:
            message = f"the argument {argument!r} in {plan.words!r} has no meaning"
            raise ValueError(message)
        return replace(plan, **changes)

    return step


def _slow(plan: Plan, argument: str) -> Plan:
    return replace(plan, wait=parse_seconds(argument))


def _late(plan: Plan, argument: str) -> Plan:
    return replace(plan, late=parse_seconds(argument), answer=CUT)


def _ingest(plan: Plan, argument: str) -> Plan:
    return replace(plan, ingest=parse_seconds(argument, LONGEST_INGEST))


def _keep(plan: Plan, argument: str) -> Plan:
    rows = int(argument)
    if rows < 0:
        message = f"keep takes a number of rows, got {argument!r}"
        raise ValueError(message)
    return replace(plan, keep=rows)


def _after(plan: Plan, argument: str) -> Plan:
    if argument not in _REFUSING:
        message = f"after takes one of {', '.join(_REFUSING)}, got {argument!r}"
        raise ValueError(message)
    return replace(plan, answer=_scripted(int(argument)))


def _refuse(plan: Plan, argument: str) -> Plan:
    return replace(plan, stores=False, answer=refusal(400, argument))


def _with_columns(rows: list[Row]) -> list[Row]:
    """Show remarks, blank columns, a yes and a list beside what was posted."""
    tags = {"resource/id": "a", "resource/tag:taxable": True, "k8s/labels": ["x", {"y": 1}]}
    return [{**row, "drop_id": "d", "resource/region": None, **tags} for row in rows]


def _with_numbers(rows: list[Row]) -> list[Row]:
    """Show costs as numbers with exponents."""
    return [{**row, "cost/cost": f"{Decimal(row['cost/cost']):E}"} for row in rows]


def _without_zeros(rows: list[Row]) -> list[Row]:
    return [row for row in rows if Decimal(row["cost/cost"])]


def _scripted(status: int) -> Reply:
    return refusal(status, f"Told to answer {status}.")


_GARBAGE = _setting(answer=Reply(200, b"<html>Please wait while we check your browser</html>"))
_REFUSING = {str(status): _setting(stores=False, answer=_scripted(status)) for status in STATUSES}
_EVERYWHERE: dict[str, Step] = {
    "ok": _setting(),
    **_REFUSING,
    "drop": _setting(stores=False, answer=CUT),
    "slow": _slow,
}

CONTENTS_STEPS: dict[str, Step] = {
    **_EVERYWHERE,
    "garbage": _GARBAGE,
    "columns": _setting(view=_with_columns),
    "numbers": _setting(view=_with_numbers),
    "nozeros": _setting(view=_without_zeros),
}
DROP_STEPS: dict[str, Step] = {
    **_EVERYWHERE,
    "lost": _setting(answer=CUT),
    "late": _late,
    "ingest": _ingest,
    "ignore": _setting(stores=False),
    "refuse": _refuse,
    "keep": _keep,
    "garbage": _GARBAGE,
    "bare": _setting(answer=Reply(200, {})),
    "after": _after,
}
