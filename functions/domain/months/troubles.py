"""What needs an operator in a month: each cause once, with its contracts and what settles them."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from functions.domain.formula import exact_sums
from functions.domain.ledger.entry import BILLED_OTHERWISE
from functions.domain.ledger.resolution import OUTCOMES
from functions.domain.months.report import Report
from functions.domain.months.report_rows import NOT_COMPUTED, Row
from functions.domain.months.run import MOST_CONTRACTS
from functions.domain.wording import counted, number, some
from functions.partners import RECEIVER

_TROUBLE = ("refused", "in doubt", NOT_COMPUTED, "not sent")
_ASK = f"or let {RECEIVER} be asked again, and what it does not list be sent"
_BILL, _RETRY = "bill them", "once that is corrected, retry"
_LATE = "came after the month was closed"
_MOST_NAMED, _MOST_INPUTS = 10, 5


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
    found = defaultdict[tuple[str, str, str], dict[str, list[Row]]](dict)
    for name, rows in contracts.items():
        if wrong := [row for row in rows if row.outcome in _TROUBLE]:
            message = without_name(wrong[0].message, name)
            way = _way(wrong, closed=report.closed)
            found[wrong[0].code, message or _LATE * (way == _BILL), way][name] = wrong
    return [
        Trouble(
            contracts=list(of),
            open="; ".join(_open(row for rows in of.values() for row in rows)),
            cause=": ".join(filter(None, (code, message))),
            inputs=list(_inputs(report, list(of), way)),
        )
        for (code, message, way), of in sorted(found.items(), key=lambda each: -len(each[1]))
    ]


def without_name(message: str, contract: str) -> str:
    """Return a message as it is of any contract: one that names its own is still the same."""
    return re.sub(rf"(?<![\w-]){re.escape(contract)}(?![\w-])", "…", message)


def _way(wrong: Sequence[Row], *, closed: bool) -> str:
    """Return what a contract takes: a decision, only to be billed, or a correction first."""
    if any(row.outcome == "in doubt" or row.code in BILLED_OTHERWISE for row in wrong):
        return _ASK
    late = closed and all(row.outcome == "not sent" and not row.code for row in wrong)
    return _BILL if late else _RETRY


def _open(rows: Iterator[Row]) -> Iterator[str]:
    """Yield what is open of each dimension, added up by its outcome."""
    amounts = exact_sums(((row.dimension, row.outcome), row.open or "0") for row in rows)
    for (dimension, outcome), amount in amounts.items():
        shown = "" if outcome == NOT_COMPUTED else f" {number(amount)}"
        yield f"{dimension}{shown} {outcome}"


def _inputs(report: Report, names: list[str], way: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what settles exactly these contracts: a retry of all errors would send others, too."""
    plan, month = report.plan, report.month
    if way == _ASK:
        decision = {"contract": names[0], "month": month, "outcome": "OUTCOME", "reason": "..."}
        which = "it" if len(names) == 1 else "each"
        what = f"settle {which} by what {RECEIVER}'s console shows; OUTCOME is {OUTCOMES}"
        yield what, {"plan": plan, "resolve": decision}
    for first in range(0, min(len(names), _MOST_INPUTS * MOST_CONTRACTS), MOST_CONTRACTS):
        some_names = names[first : first + MOST_CONTRACTS]
        of = f" (the first {first + MOST_CONTRACTS} of {len(names)})"
        what = f"{way}{of if len(names) > first + MOST_CONTRACTS else ''}"
        if report.until:
            yield what, {"plan": plan, "contracts": some_names, "until": report.until}
        else:
            given = {"plan": plan, "months": [month], "contracts": some_names}
            yield what, {**given, "retry_errors": True}
