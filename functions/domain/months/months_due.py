"""Which months a run works on, and why others wait."""

from collections.abc import Collection, Container, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import count, takewhile

import msgspec

from functions.domain.month import Month, format_instant
from functions.domain.months.journal import Journal, reopened
from functions.domain.months.state_file import PlanState, left_as_it_is
from functions.domain.plan import Plan
from functions.domain.wording import counted
from functions.errors import BadInput

FIRST_RUN_MONTHS_BACK = 2
# Keeps the parent execution's history under 1,000 events.
MOST_MONTHS = 24
# The schedule starts hourly for three days; an export that is not there by then needs an operator.
OVERDUE = timedelta(hours=48)
# A run begins no month after this: what is left of its 24 hours is enough for 100,000 contracts.
HAND_OVER = timedelta(hours=12)
_EXPORT = "export incomplete: it has reached {} and must reach {}"


class Waiting(msgspec.Struct, frozen=True):
    """A month that is not worked on now, and the reason. `overdue`: somebody should look."""

    month: str
    reason: str
    overdue: bool = False


def left(planned: Iterable[str], done: Container[str]) -> list[Waiting]:
    """Return the months that a run which took too long has left to the next."""
    hours = HAND_OVER // timedelta(hours=1)
    reason = f"left for the next run with this input: this one began over {hours} hours ago"
    return [Waiting(month, reason, overdue=True) for month in planned if month not in done]


def check(plan: Plan, state: PlanState, journal: Journal, now: datetime) -> None:
    """Raise BadState if the state file says of a month what cannot be meant."""
    where = f"state file {plan.state_file}, {plan.key}"
    for month in state.success.keys() | state.errors.keys():
        if month.start > now:
            raise left_as_it_is(where, f"{month} has not begun yet")
    last = state.last_processed_month
    if last and last.end > now:
        what = f"{last} has not ended yet, so nothing would be billed until then"
        raise left_as_it_is(f"{where}.last_processed_month", what)
    first, known = plan.start_month, last_closed(state, journal)
    if known and first and known.plus(1) < Month.parse(first):
        before = Month.parse(first).plus(-1)
        what = f"{known} is before {before}, so months before start_month {first}"
        said = f"{what} would be billed; set one of the two"
        raise left_as_it_is(f"{where}.last_processed_month", said)


def last_closed(state: PlanState, journal: Journal) -> Month | None:
    """Return the last month that was closed; the journal knows if the state file was lost."""
    known = journal.last_closed_month
    return state.last_processed_month or (Month.parse(known) if known else None)


def month_before(month: Month, state: PlanState, journal: Journal) -> Month | None:
    """Return the month that one is compared with: the last closed one before it."""
    last = last_closed(state, journal)
    return last and min(last, month.plus(-1))


def is_closed(month: Month, state: PlanState, journal: Journal) -> bool:
    """Return True if a month was closed before: what is new in it came late."""
    last = last_closed(state, journal)
    return last is not None and month <= last


def first_month(plan: Plan, state: PlanState, journal: Journal, as_of: datetime) -> Month:
    """Return the next month that has never been closed."""
    if last := last_closed(state, journal):
        return last.plus(1)
    if plan.start_month:
        return Month.parse(plan.start_month)
    return Month.of(as_of).plus(-FIRST_RUN_MONTHS_BACK)


def nothing_due(plan: Plan, state: PlanState, journal: Journal, as_of: datetime) -> str:
    """Explain why no month is worked on: what is next, and until when."""
    month, last = first_month(plan, state, journal, as_of), last_closed(state, journal)
    closed = f"the last closed month is {last}" if last else "no month has been closed yet"
    now = f"as_of is {format_instant(as_of)}; {closed}"
    return f"next is {month}, which ends at {format_instant(month.end)}; {now}"


def closed_lately(plan: Plan, state: PlanState, journal: Journal) -> list[Month]:
    """Return the last closed months, as many as the plan wants looked at again, oldest first."""
    last = last_closed(state, journal)
    return [last.plus(-back) for back in reversed(range(plan.late_window))] if last else []


def candidates(
    first: Month, as_of: datetime, limit: int, again: Sequence[Month]
) -> tuple[list[Month], list[Waiting]]:
    """Return the months to work on: up to `limit` new ones, then those to do again, each in order.

    New ones first: a closed month whose files are gone must not block them.
    """
    over = list(takewhile(lambda month: month.end <= as_of, map(first.plus, count())))
    new, later, waiting = over[:limit], over[limit + 1 :], list[Waiting]()
    if len(new) < len(over):
        too = f", and with it {counted(len(later), 'later month')}" if later else ""
        waiting.append(
            Waiting(str(over[limit]), f"left for the next run{too}: max_months is {limit}")
        )
    waiting += [Waiting(str(late), "has not ended yet") for late in again if late.end > as_of]
    chosen = new + sorted({month for month in again if month.end <= as_of} - set(new))
    waiting += [
        Waiting(str(month), f"left for the next run: a run does at most {MOST_MONTHS} months")
        for month in chosen[MOST_MONTHS:]
    ]
    return chosen[:MOST_MONTHS], waiting


def to_retry(months: Iterable[Month], state: PlanState, contracts: Collection[str]) -> list[Month]:
    """Return months oldest first; if all contracts that were named are errors, only theirs."""
    failed = {month: state.at(month).failed.intersection(contracts) for month in sorted(months)}
    only = contracts and frozenset().union(*failed.values()).issuperset(contracts)
    return [month for month, found in failed.items() if found or not only]


def complete_months(
    months: Sequence[Month], plan: Plan, exported_to: datetime | None, as_of: datetime
) -> tuple[list[Month], list[Waiting]]:
    """Return the months that the export has passed; the others wait, each with what it waits for.

    `exported_to` is None when the plan goes by the calendar.
    """
    if exported_to is None:
        return list(months), []
    complete, waiting = [], []
    for month in months:
        needed = month.end + timedelta(minutes=plan.marker_margin_minutes)
        if exported_to >= needed:
            complete.append(month)
        else:
            reason = _EXPORT.format(format_instant(exported_to), format_instant(needed))
            waiting.append(Waiting(str(month), reason, overdue=as_of >= month.end + OVERDUE))
    return complete, waiting


def finished(month: Month, plan: Plan, exported_to: datetime | None, as_of: datetime) -> datetime:
    """Return where the last day of a month ends that the export has passed."""
    reached = as_of if exported_to is None else min(exported_to, as_of)
    reached -= timedelta(minutes=plan.marker_margin_minutes)
    return min(month.end, reached.replace(hour=0, minute=0, second=0, microsecond=0))


def final_month(
    until: datetime, plan: Plan, exported_to: datetime | None, as_of: datetime
) -> tuple[list[Month], list[Waiting]]:
    """Return the month of a cancelled contract's last hour once the export has passed that hour.

    By the calendar the margin is what an export is given to get there. A month's is longer:
    marketplaces take final usage for an hour only.
    """
    month = Month.of(until - timedelta(seconds=1))
    needed = until + timedelta(minutes=plan.final_margin_minutes)
    reached = exported_to or as_of
    if reached >= needed:
        return [month], []
    text = _EXPORT if exported_to else "it is {} and must reach {}"
    reason = text.format(format_instant(reached), format_instant(needed))
    return [], [Waiting(str(month), f"{reason}; start again then")]


def requested_months(texts: Sequence[str], as_of: datetime) -> list[Month]:
    """Read the months an operator asked for; BadInput for one that has not ended yet."""
    months = sorted({Month.parse(text) for text in texts})
    for month in months:
        if month.end > as_of:
            when = f"{month} has not ended yet at {format_instant(as_of)}"
            raise BadInput(f"months: {when}; only past months are billed")
    return months


def to_do_again(journal: Journal, state: PlanState, *, retry_errors: bool) -> frozenset[Month]:
    """Return closed months to work on: with a re-opened contract, or where a run got stuck.

    If errors are retried, those with any error too.
    """
    months = map(Month.parse, journal.unresolved)
    again = {month for month in months if reopened(journal, state, month)}
    underway = map(Month.parse, journal.underway)
    again |= {month for month in underway if is_closed(month, state, journal)}
    failed = {month for month, found in state.errors.items() if found} if retry_errors else set()
    return frozenset(again | failed)
