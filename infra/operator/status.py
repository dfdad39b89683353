"""Where every plan stands: what is closed, what waits, what is open and how it is settled."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from functions.adapters import credits_bucket
from functions.adapters.books import Books
from functions.adapters.objects import Objects
from functions.domain.month import Month, format_instant
from functions.domain.months.journal import Journal
from functions.domain.months.months_due import Waiting, closed_lately, last_closed
from functions.domain.plan import Plan
from functions.domain.usage.marketplace import deadline, taken_until
from functions.errors import BadInput, BadState, BadUsage
from functions.metering.acquire_plan import settle
from functions.metering.plan_months import plan_months
from functions.payloads import Start
from infra.local.cli.wording import billing, spans, words
from infra.operator.settling import OpenContracts, open_contracts
from infra.operator.unbilled import NotBilled, not_billed


class HeldMonth(msgspec.Struct, kw_only=True):
    """A month that waits for an approval: what moved, and the command that bills it as it is."""

    month: str
    moves: list[str]
    since: str
    settle: str


class PlanStatus(msgspec.Struct, kw_only=True):
    """One plan. `due`: months that the next run bills. `running`: the execution that works on it.

    `deadlines`: until when the marketplace takes what is not closed, else the next month.
    `not_billed`: usage of recent months that no contract is billed for.
    """

    plan: str
    last_closed: str
    due: Sequence[str]
    waiting: Sequence[Waiting]
    running: str
    held: list[HeldMonth]
    open: list[OpenContracts]
    deadlines: list[str]
    not_billed: list[NotBilled]
    notes: list[str]

    @property
    def overdue(self) -> list[str]:
        """Months whose export should have been complete long ago."""
        return [late.month for late in self.waiting if late.overdue]

    @property
    def calm(self) -> bool:
        """Return True if nothing of it needs an operator; usage nobody is billed for may."""
        return not (self.held or self.overdue or self.open or self.notes)


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
        return verified and all(plan.calm for plan in self.plans)


def plan_status(books: Books, usage: Objects | None, now: datetime, where: str) -> PlanStatus:
    """Return where a plan stands. Nothing is written. `where`: the place, for the commands."""
    plan, state, journal = books.plan, books.read_state(), books.read_journal()
    where = " ".join(filter(None, (where, words({"--plan": plan.key}))))
    due, waiting, note = _due(books, usage, format_instant(now))
    lease, last = books.lease().read(), last_closed(state, journal)
    held = list(_held(journal, str(last or ""), where))
    found = list(open_contracts(books, where))
    open_ones = {one.month for one in found}
    unbilled = open_ones.union(due, (one.month for one in held), (one.month for one in waiting))
    unbilled = unbilled or ({str(last.plus(1))} if last else set())
    recent = {*closed_lately(plan, state, journal), *map(Month.parse, open_ones)}
    return PlanStatus(
        plan=plan.key,
        last_closed=str(last or ""),
        due=due,
        waiting=waiting,
        running=lease.value.execution if lease else "",
        held=held,
        open=found,
        deadlines=list(_deadlines(plan, sorted(map(Month.parse, unbilled)), now)),
        not_billed=list(not_billed(books, usage, sorted(recent), where)),
        notes=[*journal.forgotten, *([note] if note else ())],
    )


def _due(
    books: Books, usage: Objects | None, now: str
) -> tuple[Sequence[str], Sequence[Waiting], str]:
    """Return the months that the next run bills, those that wait, or why that is not known."""
    if usage is None:
        return [], [], "what is due is not known without the usage; add --usage DIR"
    start = Start({"dry_run": True, "as_of": now}, "status", "status", now)
    try:
        planned = plan_months(settle(start, {books.plan.key: books.plan}), books, usage)
    except (BadInput, BadState, BadUsage) as error:  # of this plan; the others go on
        return [], [], str(error)
    return planned.months, planned.waiting, ""


def _held(journal: Journal, last: str, where: str) -> Iterator[HeldMonth]:
    """Yield the months after the last closed one that nobody has approved yet."""
    for month, held in sorted(journal.held.items()):
        if month > last and not held.approval:
            yield HeldMonth(
                month=month,
                moves=list(held.moves),
                since=held.since,
                settle=billing(f'approve {month} --reason "..."', where),
            )


def _deadlines(plan: Plan, months: Sequence[Month], now: datetime) -> Iterator[str]:
    """Say how long there is for each month; of those that are long over only which they are."""
    over = []
    for month in months:
        until = deadline(plan.cloud, month)
        if text := taken_until(plan.cloud, month, now):
            yield f"{month.start:%B %Y}: {text}"
        elif until and until <= now:
            over.append(str(month))
    for span in spans(over):
        yield f"{span}: deadline passed; ask Clazar to which bill a late record goes"


def credits_status(objects: Objects) -> Iterator[CreditsMonth]:
    """Yield what was last posted for each month, newest first."""
    connections = {item.key.split("/")[1] for item in objects.list("drops/")}
    for connection in sorted(connections, reverse=True):
        for drop in reversed(credits_bucket.last_drops(objects, connection)):
            yield CreditsMonth(
                connection=connection,
                month=drop.month,
                state=drop.state,
                rows=drop.totals.row_count,
                total_usd=drop.totals.total_credit_usd,
                source=drop.source.key,
                at=drop.at,
            )
