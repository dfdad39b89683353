"""Where every plan stands: what is closed, what waits, what is open and how it is settled."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from datetime import datetime

import msgspec

from functions.adapters.books import Books
from functions.adapters.documents import Document
from functions.adapters.objects import Objects
from functions.domain.credits.drop import Drop
from functions.domain.ledger.entry import Entry
from functions.domain.month import Month, format_instant
from functions.domain.months.months_due import Waiting, last_closed
from functions.errors import BadUsage
from functions.metering.acquire_plan import settle
from functions.metering.plan_months import plan_months
from functions.payloads import Start


class OpenContract(msgspec.Struct, kw_only=True):
    """A contract that is not billed, why, and the command that settles it."""

    month: str
    contract: str
    code: str
    message: str
    since: str
    settle: str


class PlanStatus(msgspec.Struct, kw_only=True):
    """One plan. `due`: months that the next run bills. `running`: who holds the plan."""

    plan: str
    last_closed: str
    due: list[str]
    waiting: list[Waiting]
    running: str
    open: list[OpenContract]
    notes: list[str]


class CreditsMonth(msgspec.Struct, kw_only=True):
    """What was last posted for a month of a stream."""

    connection: str
    month: str
    state: str
    rows: int
    total_usd: str
    source: str
    at: str


class Status(msgspec.Struct, kw_only=True):
    """Everything at a glance."""

    where: str
    plans: list[PlanStatus]
    credits: list[CreditsMonth]

    @property
    def calm(self) -> bool:
        """Nothing needs an operator."""
        held = all(month.state == "verified" for month in self.credits)
        return held and not any(plan.open or plan.notes for plan in self.plans)


def plan_status(books: Books, usage: Objects | None, now: datetime, options: str) -> PlanStatus:
    """Return where a plan stands. Nothing is written. `options`: where the commands look."""
    state, journal = books.read_state(), books.read_journal()
    last = str(last_closed(state, journal) or "")
    due, waiting, notes = list[str](), list[Waiting](), list[str]()
    if usage is None:
        notes.append("what is due is not known without the usage; add --usage DIR")
    else:
        at = format_instant(now)
        start = Start({"dry_run": True, "as_of": at}, "status", "status", at)
        try:
            planned = plan_months(settle(start, {books.plan.key: books.plan}), books, usage)
            due, waiting = planned.months, planned.waiting
        except BadUsage as error:
            notes.append(str(error))
    lease = books.lease().read()
    return PlanStatus(
        plan=books.plan.key,
        last_closed=last,
        due=due,
        waiting=waiting,
        running=lease.value.execution if lease else "",
        open=list(_open(books, options)),
        notes=notes,
    )


def _open(books: Books, options: str) -> Iterator[OpenContract]:
    """Yield the errors that the state file shows, with what the ledger knows of them."""
    state, journal = books.read_state(), books.read_journal()
    for month in sorted(state.errors):
        shown, known = state.at(month), journal.at(month)
        entries = {e.contract_id: e for e in books.entries(month, sorted(shown.failed))}
        for name, item in sorted(shown.errors.items()):
            seen = known.get(name)
            yield OpenContract(
                month=str(month),
                contract=name,
                code=str(item.get("code") or ""),
                message=str(item.get("message") or ""),
                since=seen.since if seen else str(item.get("last_retry_time") or ""),
                settle=_settling(books, month, name, entries.get(name), options),
            )


def _settling(books: Books, month: Month, contract: str, entry: Entry | None, options: str) -> str:
    """Return the whole command: a decision where a record is in doubt, another try elsewhere.

    OUTCOME is for the operator to fill in; left as it is, it is refused with the known ones.
    """
    plan = books.plan.key
    doubt = entry is not None and bool(entry.in_doubt)
    if options.startswith("--env"):
        where = f"{options} --plan {shlex.quote(plan)}"
        if doubt:
            what = f"resolve {shlex.quote(contract)} {month} OUTCOME"
            return f'billing {what} --reason "..." {where}'
        return f"billing retry --month {month} --contract {shlex.quote(contract)} {where}"
    asked = {"plan": plan, "months": [str(month)], "contracts": [contract], "retry_errors": True}
    if doubt:
        decision = {
            "contract": contract,
            "month": str(month),
            "outcome": "OUTCOME",
        }
        asked = {"plan": plan, "resolve": {**decision, "reason": "..."}}
    given = shlex.quote(json.dumps(asked))
    return f"python -m infra.local metering {options} --input {given}"


def credits_status(objects: Objects) -> Iterator[CreditsMonth]:
    """Yield what was last posted for each month, newest first."""
    listed = [item.key for item in objects.list("drops/")]
    for key in sorted(listed, reverse=True):
        read = Document(objects, key, Drop).read()
        if read:
            drop = read.value
            yield CreditsMonth(
                connection=key.split("/")[1],
                month=drop.month,
                state=drop.state,
                rows=drop.totals.row_count,
                total_usd=drop.totals.total_credit_usd,
                source=drop.source.key,
                at=drop.at,
            )
