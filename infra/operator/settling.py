"""Contracts that are not billed, by cause, each cause with the command that settles all of them."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from functions.adapters.books import Books
from functions.domain.ledger.entry import Entry
from functions.domain.month import Month
from infra.local.cli.wording import billing

_MOST_NAMED, _MOST_IN_AN_INPUT = 3, 100


class OpenContracts(msgspec.Struct, kw_only=True):
    """Contracts of a month that are not billed for the same cause, and what settles them."""

    month: str
    code: str
    message: str
    since: str
    contracts: list[str]
    commands: list[str]


def open_contracts(books: Books, where: str) -> Iterator[OpenContracts]:
    """Yield the errors that the state file shows, each cause once, the newest month first.

    `where`: the options of the plan's place.
    """
    state, journal = books.read_state(), books.read_journal()
    for month in sorted(state.errors, reverse=True):
        shown, known = state.at(month), journal.at(month)
        entries = {e.contract_id: e for e in books.entries(month, sorted(shown.failed))}
        causes = defaultdict[tuple[str, ...], list[str]](list)
        for name, item in sorted(shown.errors.items()):
            message = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "", str(item.get("message") or ""))
            causes[str(item.get("code") or ""), message, *_way(entries.get(name))].append(name)
        for (code, _, *way), names in causes.items():
            items = {name: shown.errors[name] for name in names}
            since = [
                known[n].since if n in known else i.get("last_retry_time") for n, i in items.items()
            ]
            yield OpenContracts(
                month=str(month),
                code=code,
                message=str(items[names[0]].get("message") or ""),
                since=min((str(at) for at in since if at), default=""),
                contracts=names,
                commands=[billing(verb, where) for verb in _verbs(month, names, *way)],
            )


def _way(entry: Entry | None) -> tuple[str, ...]:
    """Return how a contract is settled: by a decision, by final usage of its window, or retried."""
    if entry and entry.in_doubt:
        return ("resolve",)
    return ("final", entry.until) if entry and entry.until and not entry.lines else ("retry",)


def _verbs(month: Month, names: Sequence[str], way: str, until: str = "") -> Iterator[str]:
    """Yield the verbs that settle these contracts, as few as the input allows.

    OUTCOME and CONTRACT are for the operator to fill in; left as they are, they are rejected. All
    errors of a plan are retried without a month: one that is named bills late contracts as well.
    """
    options = [f"--contract {shlex.quote(name)}" for name in names]
    if way == "final":
        for first in range(0, len(names), _MOST_IN_AN_INPUT):
            yield f"retry --until {until} {' '.join(options[first : first + _MOST_IN_AN_INPUT])}"
    elif way == "retry" and len(names) <= _MOST_NAMED:
        yield f"retry --month {month} {' '.join(options)}"
    elif way == "retry" or len(names) > 1:
        yield "retry"
    if way == "resolve":
        name = shlex.quote(names[0]) if len(names) == 1 else "CONTRACT"
        yield f'resolve {name} {month} OUTCOME --reason "..."'
