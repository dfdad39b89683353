"""Where every plan stands: what is closed, what waits, what is open and how it is settled."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
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


class HeldMonth(msgspec.Struct, kw_only=True):
    """A month that waits for an approval: what moved, and the command that bills it as it is."""

    month: str
    moves: list[str]
    since: str
    settle: str


class PlanStatus(msgspec.Struct, kw_only=True):
    """One plan. `due`: months that the next run bills. `running`: who holds the plan."""

    plan: str
    last_closed: str
    due: list[str]
    waiting: list[Waiting]
    running: str
    held: list[HeldMonth]
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
        verified = all(month.state == "verified" for month in self.credits)
        return verified and not any(plan.held or plan.open or plan.notes for plan in self.plans)


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
        held=list(_held(books, last, options)),
        open=list(_open(books, options)),
        notes=notes,
    )


def _held(books: Books, last: str, options: str) -> Iterator[HeldMonth]:
    """Yield the months after the last closed one that nobody has approved yet."""
    for month, held in sorted(books.read_journal().held.items()):
        if month > last and not held.approval:
            yield HeldMonth(
                month=month,
                moves=list(held.moves),
                since=held.since,
                settle=_command(
                    books,
                    options,
                    f'approve {month} --reason "..."',
                    {"approve": month, "reason": "..."},
                ),
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
    name = shlex.quote(contract)
    if entry is not None and entry.in_doubt:
        decision = {"contract": contract, "month": str(month), "outcome": "OUTCOME"}
        words = f'resolve {name} {month} OUTCOME --reason "..."'
        return _command(books, options, words, {"resolve": {**decision, "reason": "..."}})
    asked = {"months": [str(month)], "contracts": [contract], "retry_errors": True}
    return _command(books, options, f"retry --month {month} --contract {name}", asked)


def _command(books: Books, options: str, words: str, given: Mapping[str, object]) -> str:
    """Return what starts an execution: a verb where the plan is deployed, an input elsewhere."""
    plan = books.plan.key
    if options.startswith("--env"):
        return f"billing {words} {options} --plan {shlex.quote(plan)}"
    asked = shlex.quote(json.dumps({"plan": plan, **given}))
    return f".venv/bin/python -m infra.local metering {options} --input {asked}"


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
