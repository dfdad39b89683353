"""A month's report as a page: read offline, on paper or a phone, without any program of ours."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from functions.domain.formula import exact_text
from functions.domain.mails import start
from functions.domain.month import Month
from functions.domain.months.report import Report
from functions.domain.months.report_rows import READ, Row
from functions.domain.months.totals import History, Total, change
from functions.domain.months.troubles import troubles
from functions.domain.templates import render
from functions.domain.wording import counted, number

_MOST = 200  # of everything that is listed
_UNITS = ((2**50, "PiB"), (2**40, "TiB"), (2**30, "GiB"))
_WIDTH, _HEIGHT = 96, 20
_ZERO = ("", "0")


def page(report: Report) -> bytes:
    """Return the page: what needs an operator first, then totals, contracts and everything else.

    It names the contracts with trouble and the largest others; the CSV file has all of them.
    """
    by_contract = {name: [*of] for name, of in groupby(report.rows, attrgetter("contract_id"))}
    found = troubles(report, by_contract)
    troubled = [name for trouble in found for name in trouble.contracts]
    calm = sorted(by_contract.keys() - set(troubled), key=lambda name: _size(by_contract[name]))
    shown = [*troubled[:_MOST], *calm[:_MOST]]
    before = report.history.before(report.month)
    return render(
        Path(__file__).with_name("report.html"),
        report=report,
        name=f"{Month.parse(report.month).start:%B %Y}",
        troubles=found,
        totals=[_total(total, before) for total in (*report.totals, *_gone(report, before))],
        contracts=[(name, list(map(_row, by_contract[name]))) for name in shown],
        troubled_left_out=len(troubled[_MOST:]),
        left_out=len(calm[_MOST:]),
        inputs=[item for item in report.inputs if item.note != READ],
        most=_MOST,
        start=start,
        counted=counted,
        number=number,
    ).encode()


def _size(rows: Iterable[Row]) -> tuple[Fraction, str]:
    """The largest first; a contract's dimensions are of different units, so the largest of them."""
    rows = list(rows)
    return -max(Fraction(row.due or "0") for row in rows), rows[0].contract_id


def _gone(report: Report, before: History) -> Iterator[Total]:
    """Yield the dimensions of the month before that no row has any more."""
    for name, used in before.months[-1].usage.items() if before.months else ():
        if used != "0" and all(total.dimension != name for total in report.totals):
            yield Total(dimension=name)


def _total(total: Total, before: History) -> dict[str, Any]:
    used, values = Fraction(total.usage), before.of(total.dimension)
    return {
        "total": total,
        "before": number(exact_text(values[-1])) if values else "",
        "change": change(used, values[-1] if values else None),
        "line": sparkline([*values, used]),
        "unit": human(total.dimension, used),
    }


def _row(row: Row) -> dict[str, Any]:
    carried = "" if row.carried_in in _ZERO else f"{number(row.carried_in)} carried in"
    left = "" if row.remainder in _ZERO else f"{number(row.remainder)} remainder"
    notes = [
        text for text in (carried, left, row.evidence, row.code or row.message, row.detail) if text
    ]
    quantity = row.billed if row.billed not in _ZERO else row.open or row.waived
    return {"row": row, "quantity": quantity, "notes": "; ".join(notes)}


def human(dimension: str, amount: Fraction) -> str:
    """Return a large amount of bytes in the unit that people think in; empty for others."""
    hours = "·h" if "hour" in dimension else ""
    for size, unit in _UNITS:
        if "byte" in dimension and abs(amount) >= size:
            return f"{float(amount / size):,.1f} {unit}{hours}"
    return ""


def sparkline(values: Sequence[Fraction]) -> str:
    """Return the points of a line over the months; empty for a single month."""
    if len(values) < 2:  # noqa: PLR2004
        return ""
    most = max(*values, Fraction(1, 10**9))
    step = _WIDTH / (len(values) - 1)
    points = (
        f"{place * step:.0f},{_HEIGHT - max(0.0, float(value / most)) * _HEIGHT:.0f}"
        for place, value in enumerate(values)
    )
    return " ".join(points)
