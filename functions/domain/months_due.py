"""Which months a run works on, and why others wait."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from functions.domain.month import Month, format_instant
from functions.domain.plan import Plan
from functions.domain.state_file import PlanState

FIRST_RUN_MONTHS_BACK = 2
# Keeps the parent execution's history under 1,000 events.
MOST_MONTHS = 24
# The schedule starts hourly for three days; an export that is not there by then needs a person.
OVERDUE = timedelta(hours=48)


class Unresolved(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A contract that needs a person.

    `done_too`: the state file listed it as a success as well (the earlier script did that).
    `announced_by`: the execution that ended with its name, so that none goes unheard.
    """

    code: str = ""
    done_too: bool = False
    announced_by: str = ""


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something about a month that a person should hear once."""

    text: str
    announced_by: str = ""


class Journal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the pipeline itself remembers of a plan beside the state file that people edit.

    `unresolved` holds, by month, the contracts whose error it has seen in the state file: one that
    is no longer there was re-opened by an operator.
    """

    last_closed_month: str | None = None
    unresolved: dict[str, dict[str, Unresolved]] = {}
    notices: tuple[Notice, ...] = ()


def observe(journal: Journal, state: PlanState) -> Journal:
    """Return the journal with the errors that the state file shows now.

    A contract that an operator has moved from the error list to the success list leaves it.
    """
    unresolved = {
        month: {
            name: known
            for name, known in contracts.items()
            if known.done_too or name not in state.at(Month.parse(month)).done
        }
        for month, contracts in journal.unresolved.items()
    }
    for month, contracts in state.errors.items():
        done = state.success.get(month, frozenset())
        for contract in contracts:
            seen = Unresolved(done_too=contract in done, announced_by="the state file")
            unresolved.setdefault(str(month), {}).setdefault(contract, seen)
    return msgspec.structs.replace(journal, unresolved=unresolved)


def reopened(journal: Journal, state: PlanState, month: Month) -> frozenset[str]:
    """Return the contracts of a month whose error entry an operator has removed."""
    shown = state.errors.get(month, frozenset())
    done = state.success.get(month, frozenset())
    return frozenset(
        contract
        for contract, known in journal.unresolved.get(str(month), {}).items()
        if contract not in shown and (contract not in done or known.done_too)
    )


class Waiting(msgspec.Struct, frozen=True):
    """A month that is not worked on now, and the reason. `overdue`: somebody should look."""

    month: str
    reason: str
    overdue: bool = False


def first_month(plan: Plan, state: PlanState | None, journal: Journal, as_of: datetime) -> Month:
    """Return the next month that has never been closed."""
    if state and state.last_processed_month:
        return state.last_processed_month.plus(1)
    if journal.last_closed_month:
        return Month.parse(journal.last_closed_month).plus(1)
    if plan.start_month:
        return Month.parse(plan.start_month)
    return Month.of(as_of).plus(-FIRST_RUN_MONTHS_BACK)


def candidates(
    first: Month, as_of: datetime, limit: int, again: Sequence[Month]
) -> tuple[list[Month], list[Waiting]]:
    """Return the months to work on, oldest first: those to do again and up to `limit` new ones."""
    new: list[Month] = []
    month = first
    while month.end <= as_of and len(new) < limit:
        new.append(month)
        month = month.plus(1)
    waiting = []
    if month.end <= as_of:
        waiting.append(Waiting(str(month), f"left for the next run: {limit} months are the limit"))
    chosen = sorted({*new, *again})
    waiting += [
        Waiting(str(month), f"left for the next run: a run does at most {MOST_MONTHS} months")
        for month in chosen[MOST_MONTHS:]
    ]
    return chosen[:MOST_MONTHS], waiting


def complete_months(
    months: Sequence[Month], plan: Plan, exported_to: datetime | None, as_of: datetime
) -> tuple[list[Month], list[Waiting]]:
    """Return the leading months that the export has passed; the rest waits, in order.

    `exported_to` is None when the plan goes by the calendar.
    """
    margin = timedelta(minutes=plan.marker_margin_minutes)
    for index, month in enumerate(months):
        if exported_to is not None and exported_to < month.end + margin:
            reason = (
                f"export incomplete: it has reached {format_instant(exported_to)} and must reach "
                f"{format_instant(month.end + margin)}"
            )
            return list(months[:index]), [
                Waiting(str(late), reason, overdue=as_of >= late.end + OVERDUE)
                for late in months[index:]
            ]
    return list(months), []


def requested_months(texts: Sequence[str], as_of: datetime) -> list[Month]:
    """Read the months an operator asked for; ValueError for one that is not over yet."""
    months = sorted({Month.parse(text) for text in texts})
    for month in months:
        if month.end > as_of:
            message = (
                f"month {month} is not over at {format_instant(as_of)}; only past months are billed"
            )
            raise ValueError(message)
    return months


def to_do_again(
    journal: Journal, state: PlanState | None, *, retry_errors: bool
) -> frozenset[Month]:
    """Return the months with a re-opened contract, or with any error if those are retried."""
    seen = state or PlanState()
    months = {Month.parse(text) for text in journal.unresolved}
    again = {month for month in months if reopened(journal, seen, month)}
    return frozenset(
        again | ({m for m, found in seen.errors.items() if found} if retry_errors else set())
    )


def after_closing(
    journal: Journal,
    month: Month,
    errors: Mapping[str, str],
    settled: frozenset[str],
    *,
    last_closed: Month | None,
    notices: Iterable[str] = (),
) -> Journal:
    """Return the journal after a month: settled contracts leave it, new errors enter it.

    `errors` maps contracts to the code of their error.
    """
    of_month = journal.unresolved.get(str(month), {})
    kept = {name: flag for name, flag in of_month.items() if name not in settled}
    for name, code in errors.items():
        done_too = name in of_month and of_month[name].done_too
        kept[name] = Unresolved(code=code, done_too=done_too)
    unresolved = {name: found for name, found in journal.unresolved.items() if name != str(month)}
    if kept:
        unresolved[str(month)] = kept
    last = str(last_closed) if last_closed else journal.last_closed_month
    known_texts = {notice.text for notice in journal.notices}
    new = (Notice(text=text) for text in notices if text not in known_texts)
    return Journal(last_closed_month=last, unresolved=unresolved, notices=(*journal.notices, *new))


class Announcement(NamedTuple):
    """What an execution has to end with: contracts as `month: contract (code)`, and notices.

    `standing` counts all contracts that need a person, those that were announced before included.
    """

    contracts: list[str]
    notices: list[str]
    standing: int


def to_announce(journal: Journal, execution: str) -> Announcement:
    """Return what nobody has heard yet, or has heard from this execution."""
    unheard = ("", execution)
    return Announcement(
        [
            f"{month}: {name} ({known.code})"
            for month, contracts in sorted(journal.unresolved.items())
            for name, known in sorted(contracts.items())
            if known.announced_by in unheard
        ],
        [notice.text for notice in journal.notices if notice.announced_by in unheard],
        sum(len(contracts) for contracts in journal.unresolved.values()),
    )


def announced(journal: Journal, execution: str) -> Journal:
    """Return the journal once an execution has announced everything; older notices leave it."""
    replace = msgspec.structs.replace
    return replace(
        journal,
        unresolved={
            month: {
                name: known if known.announced_by else replace(known, announced_by=execution)
                for name, known in contracts.items()
            }
            for month, contracts in journal.unresolved.items()
        },
        notices=tuple(
            replace(notice, announced_by=execution)
            for notice in journal.notices
            if notice.announced_by in ("", execution)
        ),
    )
