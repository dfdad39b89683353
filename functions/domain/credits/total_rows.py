"""Totals among the accounts of a credits file: they would be posted as credits of their own."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from functions.domain.credits.amount import exact_sum
from functions.domain.credits.cells import tidy
from functions.domain.credits.csv_rows import Problem, Row

_SUM = (
    "the row is the sum of all others; remove the total. If it is an account, move the row up, and "
    "accept it if it is held then"
)
_SUMS = (
    "the {} column is the sum of the others; remove the total. If it is a month, upload the months "
    "one by one"
)
_HALF_A_CENT = Decimal("0.005")
_FEWEST = 3  # rows with money, if one above others is their total


def totals(
    rows: Sequence[Row], every: Sequence[list[Decimal]], kept: Mapping[str, list[Decimal]]
) -> Iterator[Problem]:
    """Yield a last row, and a first or last column, that are the sums of all others.

    `every`: the amounts of each row; `kept`: of each account, without its repeated rows.
    """
    if (total := _total_row(every, kept)) is not None:
        yield rows[total].line, _SUM
    for at, place in ((0, "first"), (-1, "last")):
        others = [row[1:] if at == 0 else row[:at] for row in every]
        adding = sum(sum(map(bool, row)) > 1 for row in others)
        if adding > 1 and [row[at] for row in every] == [*map(exact_sum, others)]:
            yield 0, _SUMS.format(place)


def possible_totals(
    rows: Sequence[Row], every: Sequence[list[Decimal]], kept: Mapping[str, list[Decimal]]
) -> list[str]:
    """Name an account whose row is the sum of all others: it may be a total in another place.

    A total of cells that were not rounded is off by at most half a cent per row.
    """
    named = dict[str, None]()
    for of in (every, list(kept.values())):  # with the repeated rows, and without them
        sums, members = _sums(of, len(every[0])), set(map(id, of))
        slack = _HALF_A_CENT * (with_money := sum(map(any, of)))
        for at, amounts in enumerate(every) if with_money >= _FEWEST else ():
            pairs = zip(amounts, sums, strict=True)
            off = max(exact_sum([one, one, total.copy_negate()]).copy_abs() for one, total in pairs)
            is_more = any(amount.copy_abs() > slack for amount in amounts)
            if id(amounts) in members and off <= slack and is_more:
                where = f"line {rows[at].line}, {tidy(rows[at].cells[0])}"
                how = "nearly the sum" if off else "the sum"
                named[f"{where}, is {how} of all others; remove it if a total"] = None
    return list(named)


def _sums(rows: Sequence[list[Decimal]], months: int) -> list[Decimal]:
    return [exact_sum(row[month] for row in rows) for month in range(months)]


def _total_row(every: Sequence[list[Decimal]], kept: Mapping[str, list[Decimal]]) -> int | None:
    """Return the last row with money if it is the sum of all others, or of all that are kept.

    Two accounts with the same amount are no total, whatever accounts with $0.00 are there.
    """
    at = max((index for index, row in enumerate(every) if any(row)), default=0)
    last = every[at]
    others = [[row for row in of if row is not last] for of in (every, kept.values())]
    is_total = any(sum(map(any, of)) > 1 and last == _sums(of, len(last)) for of in others)
    return at if any(last) and is_total else None
