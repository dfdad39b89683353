"""What the pipeline remembers of a plan beside the state file that people edit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from functions.domain.month import Month
from functions.domain.state_file import PlanState


class Unresolved(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A contract that is not billed and needs an operator.

    `since`: when it was first seen. `retries`: how often it had been retried when it was last seen.
    `told`: a message has named it. `done_too`: the state file listed it as a success as well (the
    earlier script did that).
    """

    code: str = ""
    since: str = ""
    retries: int = 0
    told: bool = False
    done_too: bool = False


class Journal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the pipeline itself remembers of a plan beside the state file that people edit.

    `unresolved` holds, by month, the contracts whose error it has seen in the state file: one that
    is no longer there was re-opened by an operator. `underway` holds months whose contracts a run
    has begun to send and not accounted for yet. `notices` have not been reported yet.
    `reminded_at`: when a message last named the open contracts. `dimensions` holds the names of all
    usage that was ever exported.
    """

    last_closed_month: str | None = None
    unresolved: dict[str, dict[str, Unresolved]] = {}
    underway: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    reminded_at: str = ""
    dimensions: tuple[str, ...] = ()


def observe(journal: Journal, state: PlanState, at: str) -> Journal:
    """Return the journal with the errors that the state file shows at this time.

    One that the journal does not know, or knows from before another retry, is news: it is of an
    earlier program, or of a run that ended before it could report it. A contract that an operator
    has moved from the error list to the success list leaves the journal.
    """
    by_hand = settled_by_hand(journal, state)
    unresolved = {
        text: {n: known for n, known in contracts.items() if n not in by_hand.get(text, ())}
        for text, contracts in journal.unresolved.items()
    }
    for month, contracts in state.errors.items():
        of_month = unresolved.setdefault(str(month), {})
        done = state.success.get(month, frozenset())
        for name in sorted(contracts):
            seen = _seen(state.shown.get(month, {}).get(name, {}), at, done_too=name in done)
            known = of_month.get(name)
            if known is None or known.retries < seen.retries:
                of_month[name] = _since_before(seen, known)
    return msgspec.structs.replace(journal, unresolved=unresolved)


def _seen(item: Mapping[str, Any], at: str, *, done_too: bool) -> Unresolved:
    """Read an error entry of the state file, which earlier programs and people write as well."""
    code, retries = item.get("code"), item.get("retry_count")
    return Unresolved(
        code=str(code or ""),
        since=str(item.get("last_retry_time") or at),
        retries=retries if isinstance(retries, int) else 0,
        done_too=done_too,
    )


def _since_before(seen: Unresolved, known: Unresolved | None) -> Unresolved:
    """Return an error as it is seen now; it is open for as long as it was known."""
    if known is None:
        return seen
    since = known.since or seen.since
    return msgspec.structs.replace(seen, since=since, done_too=known.done_too)


def settled_by_hand(journal: Journal, state: PlanState) -> dict[str, list[str]]:
    """Return, by month, contracts that an operator has moved from the errors to the successes."""
    found = {}
    for text, known in sorted(journal.unresolved.items()):
        shown = state.at(Month.parse(text))
        seen = known.keys() - in_both(journal, Month.parse(text))
        if names := sorted((seen & shown.done) - shown.failed):
            found[text] = names
    return found


def in_both(journal: Journal, month: Month) -> set[str]:
    """Return contracts that were seen in the errors and in the successes of a month."""
    known = journal.unresolved.get(str(month), {})
    return {name for name, seen in known.items() if seen.done_too}


def reopened(journal: Journal, state: PlanState, month: Month) -> frozenset[str]:
    """Return the contracts of a month whose error entry an operator has removed."""
    shown = state.errors.get(month, frozenset())
    done = state.success.get(month, frozenset())
    return frozenset(
        contract
        for contract, known in journal.unresolved.get(str(month), {}).items()
        if contract not in shown and (contract not in done or known.done_too)
    )


def moved_to(journal: Journal, month: Month) -> Journal:
    """Return the journal with the last closed month that an operator has set."""
    return msgspec.structs.replace(journal, last_closed_month=str(month))


def beginning(journal: Journal, month: Month) -> Journal:
    """Return the journal before contracts of a month are claimed.

    A run that ends early may leave requests there; the next execution continues with them.
    """
    underway = sorted({*journal.underway, str(month)})
    return msgspec.structs.replace(journal, underway=tuple(underway))


def ended(journal: Journal, month: Month) -> Journal:
    """Return the journal of a month in which nothing is underway any more."""
    underway = tuple(text for text in journal.underway if text != str(month))
    return msgspec.structs.replace(journal, underway=underway)


def after_closing(
    journal: Journal,
    month: Month,
    errors: Mapping[str, Unresolved],
    settled: Collection[str],
    *,
    last_closed: Month | None,
    complete: bool = True,
) -> Journal:
    """Return the journal after a month: settled contracts leave it, new errors enter it.

    `complete`: every contract is accounted for.
    """
    of_month = journal.unresolved.get(str(month), {})
    found = {name: _since_before(seen, of_month.get(name)) for name, seen in errors.items()}
    left = after_resolution(ended(journal, month) if complete else journal, month, settled)
    kept = {**left.unresolved.get(str(month), {}), **found}
    return msgspec.structs.replace(
        left,
        last_closed_month=str(last_closed) if last_closed else journal.last_closed_month,
        unresolved={**left.unresolved, **({str(month): kept} if kept else {})},
    )


def watched(journal: Journal, month: Month, contract: str, code: str, at: str) -> Journal:
    """Return the journal with an error that the state file may never have shown."""
    of_month = journal.unresolved.get(str(month), {})
    known = of_month.get(contract, Unresolved(code=code, since=at, told=True))
    unresolved = {**journal.unresolved, str(month): {**of_month, contract: known}}
    return msgspec.structs.replace(journal, unresolved=unresolved)


def after_resolution(journal: Journal, month: Month, contracts: Collection[str]) -> Journal:
    """Return the journal without contracts that have been settled."""
    of_month = journal.unresolved.get(str(month), {})
    kept = {name: known for name, known in of_month.items() if name not in contracts}
    unresolved = {name: found for name, found in journal.unresolved.items() if name != str(month)}
    if kept:
        unresolved[str(month)] = kept
    return msgspec.structs.replace(journal, unresolved=unresolved)
