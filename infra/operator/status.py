"""`status`: what is closed, what waits, what is open, and the command that settles it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from functions.adapters import credits_bucket
from functions.adapters.books import Books
from functions.adapters.objects import Objects
from functions.adapters.storage import folders
from functions.domain.month import format_instant
from functions.domain.months.months_due import last_closed
from functions.domain.months.run import Run
from functions.domain.plan import Plan
from functions.domain.wording import grouped
from functions.errors import BadUsage
from functions.metering.plan_months import plan_months
from infra.operator.where import Where


def status(where: Where, credits_objects: Objects | None, options: str) -> dict[str, Any]:
    """Return every plan and the credits of every month; `options` is repeated in commands."""
    plans = [_plan(where, plan, options) for plan in where.plans().values()]
    return {"plans": plans, "credits": _credits(credits_objects)}


def _plan(where: Where, plan: Plan, options: str) -> dict[str, Any]:
    state = Books(where.state, plan).read_state()
    journal = Books(where.state, plan).read_journal()
    last = last_closed(state, journal)
    opened = []
    for month, errors in sorted(state.errors.items()):
        reasons = {
            name: f"{item.get('code') or 'no code'}: {item.get('message') or 'no message'}"
            for name, item in errors.items()
        }
        opened += [
            {"month": str(month), "contract": name, "reason": reason, "settle": command}
            for name, reason in sorted(reasons.items())
            for command in [f"billing retry {month} --plan {plan.key} {options}"]
        ]
    waiting, why = _waiting(where, plan)
    return {
        "plan": plan.key,
        "last_closed": str(last) if last else None,
        "waiting": waiting,
        "why": why,
        "underway": list(journal.underway),
        "open": opened,
    }


def _waiting(where: Where, plan: Plan) -> tuple[list[dict[str, Any]], str]:
    """Ask the pipeline's own planning what a run would do now; nothing is written."""
    if where.usage is None:
        return [], "the export's progress is not known: give --usage DIR"
    run = Run(
        plan=plan,
        execution="",
        name="",
        as_of=format_instant(datetime.now(UTC)),
        months=None,
        contracts=None,
        retry_errors=False,
        dry_run=True,
        max_months=plan.max_months,
    )
    try:
        planned = plan_months(run, Books(where.state, plan), where.usage)
    except BadUsage as error:
        return [], str(error)
    due = f"due now: {', '.join(planned.months)}" if planned.months else ""
    return msgspec.to_builtins(planned.waiting), due or planned.why


def _credits(objects: Objects | None) -> list[dict[str, Any]]:
    if objects is None:
        return []
    return [
        {
            "month": drop.month,
            "state": drop.state,
            "rows": drop.totals.row_count,
            "total_usd": drop.totals.total_credit_usd,
            "file": drop.source.key,
        }
        for connection in folders(objects, "drops/", 1)
        for drop in credits_bucket.last_drops(objects, connection)
    ]


def as_lines(found: Mapping[str, Any]) -> list[str]:
    """Return the status for the screen; a reason of many contracts is said once."""
    lines = []
    for plan in found["plans"]:
        lines.append(f"{plan['plan']}: last closed month {plan['last_closed'] or 'none'}")
        lines += [f"  {item['month']} waits: {item['reason']}" for item in plan["waiting"]]
        lines += [f"  {plan['why']}"] if plan["why"] else []
        lines += [f"  {month} is underway" for month in plan["underway"]]
        by_command: dict[str, list[tuple[str, str]]] = {}
        for one in plan["open"]:
            by_command.setdefault(one["settle"], []).append((one["contract"], one["reason"]))
        for command, opened in by_command.items():
            lines += [f"  open: {text}" for text in grouped(opened, 20)]
            lines.append(f"    to retry them: {command}")
    lines += [
        f"credits {one['month']}: {one['state']}, {one['rows']} rows, {one['total_usd']} USD "
        f"({one['file']})"
        for one in found["credits"]
    ]
    return lines or ["nothing is known here: no plan has a ledger, and no credits were posted"]
