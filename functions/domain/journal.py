"""What the pipeline remembers of a plan beside the state file that people edit."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from functions.domain.month import Month
from functions.domain.state_file import PlanState


class Unresolved(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A contract that needs a person.

    `done_too`: the state file listed it as a success as well (the earlier script did that).
    `announced_by`: the execution that last said its name; `heard` once that has gone out.
    """

    code: str = ""
    done_too: bool = False
    announced_by: str = ""
    heard: bool = False


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something about a month that a person should hear once."""

    text: str
    announced_by: str = ""
    heard: bool = False


class Journal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the pipeline itself remembers of a plan beside the state file that people edit.

    `unresolved` holds, by month, the contracts whose error it has seen in the state file: one that
    is no longer there was re-opened by an operator. `showing` holds those that a month was about to
    write there, with their codes: nobody has heard of them, even if the month got no further.
    `underway` holds months whose contracts a run has begun to send and not accounted for yet.
    `dimensions` holds the names of all usage that was ever exported.
    """

    last_closed_month: str | None = None
    unresolved: dict[str, dict[str, Unresolved]] = {}
    showing: dict[str, dict[str, str]] = {}
    underway: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    dimensions: tuple[str, ...] = ()


def observe(journal: Journal, state: PlanState) -> Journal:
    """Return the journal with the errors that the state file shows now.

    A contract that an operator has moved from the error list to the success list leaves it. What a
    month was about to show and shows now is news: its run ended before it could say so.
    """
    by_hand = settled_by_hand(journal, state)
    unresolved = {
        text: {n: known for n, known in contracts.items() if n not in by_hand.get(text, ())}
        for text, contracts in journal.unresolved.items()
    }
    showing = {text: dict(codes) for text, codes in journal.showing.items()}
    for month, contracts in state.errors.items():
        done = state.success.get(month, frozenset())
        for name in sorted(contracts):
            known = unresolved.setdefault(str(month), {})
            done_too = known[name].done_too if name in known else name in done
            news = showing.get(str(month), {}).pop(name, None)
            if news is not None:
                known[name] = Unresolved(code=news, done_too=done_too)
            elif name not in known:
                known[name] = Unresolved(done_too=done_too, heard=True)
    return msgspec.structs.replace(
        journal,
        unresolved=unresolved,
        showing={text: codes for text, codes in showing.items() if codes},
    )


def settled_by_hand(journal: Journal, state: PlanState) -> dict[str, list[str]]:
    """Return, by month, contracts that an operator has moved from the errors to the successes.

    What a month was about to show may have been seen, although the journal does not know.
    """
    found = {}
    for text in sorted(journal.unresolved.keys() | journal.showing.keys()):
        known = journal.unresolved.get(text, {})
        both = in_both(journal, Month.parse(text))
        shown = state.at(Month.parse(text))
        seen = (known.keys() | journal.showing.get(text, {}).keys()) - both
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

    A run that ends early may leave requests there; whoever comes next goes on with them.
    """
    underway = sorted({*journal.underway, str(month)})
    return msgspec.structs.replace(journal, underway=tuple(underway))


def ended(journal: Journal, month: Month) -> Journal:
    """Return the journal of a month in which nothing is underway any more."""
    underway = tuple(text for text in journal.underway if text != str(month))
    return msgspec.structs.replace(journal, underway=underway)


def before_closing(journal: Journal, month: Month, errors: Mapping[str, str]) -> Journal:
    """Return the journal before a month's errors (contract -> code) enter the state file."""
    showing = {name: found for name, found in journal.showing.items() if name != str(month)}
    if errors:
        showing[str(month)] = dict(errors)
    return msgspec.structs.replace(journal, showing=showing)


def after_closing(
    journal: Journal,
    month: Month,
    errors: Mapping[str, str],
    settled: frozenset[str],
    *,
    last_closed: Month | None,
    complete: bool = True,
) -> Journal:
    """Return the journal after a month: settled contracts leave it, new errors enter it.

    `errors` maps contracts to the code of their error. `complete`: every contract is accounted for.
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
    closed = before_closing(ended(journal, month) if complete else journal, month, {})
    return msgspec.structs.replace(closed, last_closed_month=last, unresolved=unresolved)


def watched(journal: Journal, month: Month, contract: str, code: str, execution: str) -> Journal:
    """Return the journal with an error that the state file may never have shown."""
    of_month = journal.unresolved.get(str(month), {})
    known = of_month.get(contract, Unresolved(code=code, announced_by=execution, heard=True))
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
