"""What each word of a CloudZero script does to one request.

A plan is plain data and each word changes one thing in it, so words can be joined:
`"slow:0.2+keep:3"`, `"ingest:60+lost"`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from infra.local.partners.clazar.script import Step, seconds, setting
from infra.local.partners.cloudzero.replies import refusal
from infra.local.partners.http import CUT, GARBAGE, Reply

STATUSES = (303, 400, 401, 403, 404, 408, 409, 413, 425, 429, 500, 502, 503, 504)
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


def _keep(plan: Plan, argument: str) -> Plan:
    rows = int(argument)
    if rows < 0:
        raise ValueError(f"keep takes a number of rows, got {argument!r}")
    return replace(plan, keep=rows)


def _after(plan: Plan, argument: str) -> Plan:
    if argument not in _REFUSING:
        raise ValueError(f"after takes one of {', '.join(_REFUSING)}, got {argument!r}")
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


def _scripted(status: int) -> Reply:
    return refusal(status, f"Told to answer {status}.")


_GARBAGE = setting(answer=GARBAGE)
_REFUSING = {str(status): setting(stores=False, answer=_scripted(status)) for status in STATUSES}
_EVERYWHERE: dict[str, Step[Plan]] = {
    "ok": setting(),
    **_REFUSING,
    "drop": setting(stores=False, answer=CUT),
    "slow": seconds("wait"),
}

CONTENTS_STEPS: dict[str, Step[Plan]] = {
    **_EVERYWHERE,
    "garbage": _GARBAGE,
    "columns": setting(view=_with_columns),
    "numbers": setting(view=_with_numbers),
    "nozeros": setting(view=lambda rows: [row for row in rows if Decimal(row["cost/cost"])]),
}
DROP_STEPS: dict[str, Step[Plan]] = {
    **_EVERYWHERE,
    "lost": setting(answer=CUT),
    "late": seconds("late", answer=CUT),
    "ingest": seconds("ingest", LONGEST_INGEST),
    "ignore": setting(stores=False),
    "refuse": _refuse,
    "keep": _keep,
    "garbage": _GARBAGE,
    "bare": setting(answer=Reply(200, {})),
    "after": _after,
}
