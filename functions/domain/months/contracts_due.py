"""Which contracts of a month a run works on: pure."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from msgspec import convert
from msgspec.structs import replace

from functions.domain.ledger.claim import ContractItem
from functions.domain.ledger.reading import as_meant
from functions.domain.months.run import Run
from functions.domain.months.state_file import MonthState, left_as_it_is
from functions.domain.usage.bill import ContractBill
from functions.domain.wording import suggestion
from functions.errors import BadInput

_ALIKE = 0.8


class Known(NamedTuple):
    """What is known of a month.

    `reopened`: contracts whose error an operator has removed. `interrupted`: shown as errors, but
    a run has begun to try them again. `in_ledger`: all that have an entry; one whose usage has gone
    since may still be in doubt. `closed`: the month was closed before.
    """

    state: MonthState
    reopened: frozenset[str]
    interrupted: frozenset[str]
    in_ledger: frozenset[str]
    closed: bool


def contracts_due(
    month: str, bills: Iterable[ContractBill], known: Known, run: Run
) -> list[ContractItem]:
    """Return the contracts that are neither done nor in error, and errors to be tried again.

    BadInput for a contract that was asked for in this very month, which knows nothing of it.
    """
    again, state = known.reopened | known.interrupted, known.state
    if run.retry_errors or run.until:  # final usage is asked for by name
        again |= state.failed - state.done  # an operator may have moved one to the success list
    of = {bill.contract_id: bill for bill in bills}
    wanted = again | known.in_ledger
    if run.months or run.contracts or not known.closed:
        wanted |= of.keys()  # else they came late, which is reported and not billed unasked
    if run.contracts is not None:
        unknown = sorted(set(run.contracts) - wanted)[:10]
        if unknown and (run.months or run.until):  # else other months may know it
            names = f"{', '.join(map(repr, unknown))} ({suggestion(unknown, wanted)})"
            raise BadInput(f"contracts: {names} without usage in {month}")
        wanted &= frozenset(run.contracts)
    return [
        replace(
            convert(of.get(n, ContractBill(contract_id=n)), ContractItem, from_attributes=True),
            retry=n in again,
            done=n in state.done,
            without_usage=n not in of,
        )
        for n in sorted(wanted - ((state.done | state.failed) - again))
    ]


def check_spelling(bills: Iterable[ContractBill], known: Known, where: str) -> list[str]:
    """Return the successes of which nothing else is known; BadState where one is mistyped.

    Whoever wrote it there does not want it to be sent: one that a contract of the files may be in
    other words, or one that looks like a contract whose error has gone.
    """
    exported, state = {bill.contract_id for bill in bills}, known.state
    meant = {as_meant(name): name for name in exported}
    unknown = sorted((state.done | state.failed) - exported - known.in_ledger)
    for name in unknown:
        if other := meant.get(as_meant(name)):
            said = f"{name!r} may be {other!r} of the usage files; write it as they do"
            raise left_as_it_is(where, said)
    settled = [name for name in unknown if name in state.done]
    for name in settled:
        for other in get_close_matches(name, known.reopened, cutoff=_ALIKE):
            raise left_as_it_is(
                where,
                f"{name!r} in success_contracts has no usage, and {other!r} has left "
                f"error_contracts; if that is settled, write its name so, else take {name!r} out",
            )
    return settled
