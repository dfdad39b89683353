"""Contracts that are not billed, by cause, each cause with the commands that settle all of them."""

import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from functions.adapters.books import Books
from functions.domain.ledger.entry import BILLED_OTHERWISE, Entry
from functions.domain.month import Month
from functions.domain.months.run import MOST_CONTRACTS
from functions.domain.months.troubles import without_name
from infra.local.cli.wording import billing


class OpenContracts(msgspec.Struct, kw_only=True):
    """Contracts of a month that are not billed for the same cause, and what settles them.

    `otherwise`: the retry of contracts that `commands` resolve.
    """

    month: str
    code: str
    message: str
    since: str
    contracts: list[str]
    commands: list[str]
    otherwise: list[str] = []


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
            message = without_name(str(item.get("message") or ""), name)
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
                **_settled_by(month, names, where, *way),
            )


def _way(entry: Entry | None) -> tuple[str, str]:
    """Return how a contract is settled, and its window where only final usage is retried."""
    otherwise = entry and any(line.code in BILLED_OTHERWISE for line in entry.unsettled)
    if entry and (entry.in_doubt or otherwise):  # no retry changes that
        return "resolve", ""
    return "retry", (entry.until or "") if entry and not entry.lines else ""


def _settled_by(
    month: Month, names: Sequence[str], where: str, way: str, until: str
) -> dict[str, list[str]]:
    """Return the commands that settle these contracts, and no others.

    OUTCOME and CONTRACT are for the operator to fill in; left as they are, they are rejected.
    """
    which = f"--until {until}" if until else f"--month {month}"
    options = [f"--contract {shlex.quote(name)}" for name in names]
    retries = [
        billing(f"retry {which} {' '.join(options[first : first + MOST_CONTRACTS])}", where)
        for first in range(0, len(names), MOST_CONTRACTS)
    ]
    if way == "retry":
        return {"commands": retries}
    name = shlex.quote(names[0]) if len(names) == 1 else "CONTRACT"
    which, reason = f"{name} {month} OUTCOME", '--reason "..."'
    resolve = billing(f"resolve {which} {reason}", where)
    if any(name.startswith("-") for name in names):  # an option, but for the two dashes
        resolve = billing(f"resolve {reason}", f"{where} -- {which}")
    return {"commands": [resolve], "otherwise": retries}
