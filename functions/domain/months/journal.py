"""What the pipeline remembers of a plan beside the state file that people edit."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec.structs import replace

from functions.domain.month import Month
from functions.domain.months.hold import Held
from functions.domain.months.state_file import PlanState
from functions.domain.wording import some


class Unresolved(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A contract that is not billed and needs an operator.

    `since`: when it was first seen. `due`: what is not billed, in a few words. `retries`: how often
    it had been retried when it was last seen. `reported`: a message has named it. `done_too`: the
    state file lists it as a success as well (the earlier script did that), so it may be billed.
    """

    code: str = ""
    since: str = ""
    due: str = ""
    retries: int = 0
    reported: bool = False
    done_too: bool = False


class Journal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the pipeline itself remembers of a plan beside the state file that people edit.

    `unresolved` holds, by month, the contracts whose error it has seen in the state file: one that
    is no longer there was re-opened by an operator. `underway` holds months whose contracts a run
    has begun to send and not accounted for yet. `notices` have not been reported yet.
    `reminded_at`: when a message last named the open contracts. `dimensions` holds the names of all
    usage that was ever exported. `held`: bills that wait for an approval, or have it and are not
    closed yet, by month. `forgotten`: what no run bills: months skipped by
    hand, and open contracts of plans that are configured no longer.
    """

    last_closed_month: str | None = None
    unresolved: dict[str, dict[str, Unresolved]] = {}
    underway: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    reminded_at: str = ""
    dimensions: tuple[str, ...] = ()
    held: dict[str, Held] = {}
    forgotten: tuple[str, ...] = ()

    def at(self, month: Month) -> dict[str, Unresolved]:
        """Return the unresolved contracts of one month."""
        return self.unresolved.get(str(month), {})


def observe(journal: Journal, state: PlanState, at: str) -> Journal:
    """Return the journal with the errors that the state file shows at this time.

    One that the journal does not know, or knows from before another retry, is news: it is of an
    earlier program, or of a run that ended before it could report it.
    """
    for month, shown in state.errors.items():
        known, done = journal.at(month), state.at(month).done
        apart = {n: replace(known[n], done_too=False) for n in known.keys() & shown.keys() - done}
        seen = {name: _seen(item, at, done_too=name in done) for name, item in shown.items()}
        news = {n: s for n, s in seen.items() if n not in known or known[n].retries < s.retries}
        journal = resolved(_with(journal, month, {**known, **apart}), month, (), news)
    return journal


def _seen(item: Mapping[str, Any], at: str, *, done_too: bool) -> Unresolved:
    """Read an error entry of the state file, which earlier programs and people write as well."""
    code, retries = item.get("code"), item.get("retry_count")
    return Unresolved(
        code=str(code or ""),
        since=str(item.get("last_retry_time") or at),
        due=_due(item.get("payload")),
        retries=retries if isinstance(retries, int) else 0,
        done_too=done_too,
    )


def _due(payload: object) -> str:
    """Return what an error entry says was to be sent; earlier programs wrote the same."""
    records = payload.get("request") if isinstance(payload, Mapping) else None
    listed = records if isinstance(records, list) else []
    found = [record for record in listed if isinstance(record, Mapping)]
    return in_words((record.get("quantity"), record.get("dimension")) for record in found)


def in_words(amounts: Iterable[tuple[object, object]]) -> str:
    """Return quantities with their dimensions, as many as a line has room for."""
    texts = [f"{quantity} {dimension}" for quantity, dimension in amounts]
    return ", ".join(some(texts, 3))[:120]


def settled_by_hand(journal: Journal, state: PlanState) -> list[tuple[Month, list[str]]]:
    """Return, by month, contracts that an operator has moved from the errors to the successes."""
    found = []
    for month in map(Month.parse, sorted(journal.unresolved)):
        shown, seen = state.at(month), journal.at(month).keys() - in_both(journal, month)
        if names := sorted((seen & shown.done) - shown.failed):
            found.append((month, names))
    return found


def in_both(journal: Journal, month: Month) -> set[str]:
    """Return contracts that were seen in the errors and in the successes of a month."""
    return {name for name, seen in journal.at(month).items() if seen.done_too}


def reopened(journal: Journal, state: PlanState, month: Month) -> frozenset[str]:
    """Return the contracts of a month whose error entry an operator has removed."""
    shown = state.at(month)
    done = shown.done - in_both(journal, month)
    return frozenset(journal.at(month).keys() - shown.failed - done)


def beginning(journal: Journal, month: Month, exported: Collection[str]) -> Journal:
    """Return the journal before contracts of a month are claimed.

    A run that ends early may leave requests there; the next execution continues with them.
    `exported`: the names of usage in the month's files.
    """
    return replace(
        journal,
        underway=tuple(sorted({*journal.underway, str(month)})),
        dimensions=tuple(sorted({*journal.dimensions, *exported})),
    )


def ended(journal: Journal, month: Month) -> Journal:
    """Return the journal of a month in which nothing is underway any more."""
    underway = tuple(text for text in journal.underway if text != str(month))
    return replace(journal, underway=underway)


def holding(journal: Journal, month: Month, held: Held) -> Journal:
    """Return the journal with a bill that is held, or without any if nothing has moved.

    The very bill that is there already stays.
    """
    known = journal.held.get(str(month))
    if known and held.moves and known.digest == held.digest:
        return journal
    bills = {text: other for text, other in journal.held.items() if text != str(month)}
    if held.moves:
        bills[str(month)] = replace(held, changed=known is not None)
    return replace(journal, held=bills)


def watched(journal: Journal, month: Month, contract: str, code: str, at: str) -> Journal:
    """Return the journal with an error that the state file may never have shown."""
    unknown = Unresolved(code=code, since=at, reported=True)
    return _with(journal, month, {contract: unknown, **journal.at(month)})


def resolved(
    journal: Journal,
    month: Month,
    settled: Collection[str],
    errors: Mapping[str, Unresolved] = MappingProxyType({}),
) -> Journal:
    """Return the journal with what became of contracts: settled ones leave it, errors enter it.

    An error is open for as long as its contract was known.
    """
    contracts = {n: known for n, known in journal.at(month).items() if n not in settled}
    for name, seen in sorted(errors.items()):
        known = journal.at(month).get(name, seen)
        since = known.since or seen.since
        contracts[name] = replace(seen, since=since, done_too=known.done_too)
    return _with(journal, month, contracts)


def by_code(
    contracts: Mapping[str, Unresolved],
) -> Iterator[tuple[str, list[tuple[str, Unresolved]]]]:
    """Yield each code and since when it is open, with the contracts that have it."""
    found = defaultdict[str, list[tuple[str, Unresolved]]](list)
    for name, seen in sorted(contracts.items()):
        both = "in both lists, take it out of success_contracts to retry: " * seen.done_too
        found[f"{both}{seen.code or 'no code'}"].append((name, seen))
    for code, of in found.items():
        yield f"{code} since {min(seen.since for _, seen in of)[:10]}", of


def _with(journal: Journal, month: Month, contracts: dict[str, Unresolved]) -> Journal:
    """Return the journal with the unresolved contracts of a month; one without any has no place."""
    others = {text: found for text, found in journal.unresolved.items() if text != str(month)}
    of_month = {str(month): contracts} if contracts else {}
    return replace(journal, unresolved={**others, **of_month})
