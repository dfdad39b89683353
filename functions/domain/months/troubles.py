"""What needs an operator in a month: each cause once, with its contracts and what settles them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from functions.domain.formula import exact_text
from functions.domain.ledger.entry import DUPLICATE, OTHER_QUANTITY
from functions.domain.months.report import Report
from functions.domain.months.report_rows import NOT_COMPUTED, Row
from functions.domain.months.run import MOST_CONTRACTS
from functions.domain.wording import counted, number, some
from functions.partners import RECEIVER

_TROUBLE = ("refused", "in doubt", NOT_COMPUTED, "not sent")
DECIDED = (DUPLICATE, OTHER_QUANTITY)  # the receiver bills it, but not as here
_MOST_NAMED = 10


class Trouble(NamedTuple):
    """Contracts with one cause. `inputs`: what an execution that settles them is given, and why."""

    contracts: list[str]
    open: str
    cause: str
    inputs: list[tuple[str, dict[str, Any]]]

    @property
    def who(self) -> str:
        """Name one contract, or count them."""
        one = len(self.contracts) == 1
        return self.contracts[0] if one else counted(len(self.contracts), "contract")

    @property
    def names(self) -> str:
        """Name the first contracts; empty if there is only one."""
        return ", ".join(some(self.contracts, _MOST_NAMED)) if len(self.contracts) > 1 else ""


def troubles(report: Report, contracts: Mapping[str, Sequence[Row]]) -> list[Trouble]:
    """Return what keeps contracts from being billed, the causes of most contracts first."""
    found = defaultdict[tuple[str, str, bool], dict[str, list[Row]]](dict)
    for name, rows in contracts.items():
        if wrong := [row for row in rows if row.outcome in _TROUBLE]:
            doubtful = any(row.outcome == "in doubt" or row.code in DECIDED for row in wrong)
            # A message that names its contract is still the same message.
            message = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "…", wrong[0].message)
            found[wrong[0].code, message, doubtful][name] = wrong
    return [
        Trouble(
            contracts=list(of),
            open="; ".join(_open(row for rows in of.values() for row in rows)),
            cause=": ".join(filter(None, (code, message))),
            inputs=list(_inputs(report, list(of), doubtful=doubtful)),
        )
        for (code, message, doubtful), of in sorted(found.items(), key=lambda each: -len(each[1]))
    ]


def _open(rows: Iterator[Row]) -> Iterator[str]:
    """Yield what is open of each dimension, added up by its outcome."""
    amounts = defaultdict[tuple[str, str], Fraction](Fraction)
    for row in rows:
        amounts[row.dimension, row.outcome] += Fraction(row.open or "0")
    for (dimension, outcome), amount in sorted(amounts.items()):
        shown = "" if outcome == NOT_COMPUTED else f" {number(exact_text(amount))}"
        yield f"{dimension}{shown} {outcome}"


def _inputs(
    report: Report, names: list[str], *, doubtful: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    plan, month = report.plan, report.month
    retry = "ask again, and send what is not there" if doubtful else "once that is corrected, retry"
    if report.until:
        yield retry, {"plan": plan, "contracts": names, "until": report.until}
    elif len(names) <= MOST_CONTRACTS:
        yield retry, {"plan": plan, "months": [month], "contracts": names, "retry_errors": True}
    else:
        all_of_them = f"{retry}, with all other errors: an input names {MOST_CONTRACTS} at most"
        yield all_of_them, {"plan": plan, "retry_errors": True}
    if doubtful:
        decision = {"contract": names[0], "month": month, "outcome": "OUTCOME", "reason": "..."}
        what = f"settle {'it' if len(names) == 1 else 'each'} by what {RECEIVER}'s console shows"
        yield what, {"plan": plan, "resolve": decision}
