"""A credits file: one row per AWS account, one amount per month of its name.

All or nothing: the receiver replaces a month as a whole, so posting the rows that can be read would
erase those that cannot.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

import msgspec

from functions.domain.credits.amount import BadAmount, exact_sum, has_cents, parse_amount
from functions.domain.credits.cells import account_problem, rounded, shown, tidy
from functions.domain.credits.csv_rows import Problem, Row, about_columns, ambiguous, read_rows
from functions.domain.credits.name import is_range
from functions.domain.credits.total_rows import possible_totals, totals
from functions.domain.month import Month
from functions.domain.wording import counted, some
from functions.errors import BadCredits

MOST_FILE_BYTES, MOST_PROBLEMS, _MOST_ALIKE = 8_000_000, 100, 3
CONTROL_TOTALS = ROW_COUNT, TOTAL_USD = "row-count", "total-usd"
"""Names of what an upload's metadata may say of the file; repeated rows count as well."""

_EMPTY = "the file is empty; to empty a month give its accounts $0.00"
_CUT_OFF = (
    "the file ends within an amount or before it; if it is whole, write the amount with its cents "
    "and end the line"
)
_LIKE_AN_ACCOUNT = 9  # digits
_LONGEST_NAME = 200
_VALUE = re.compile("""'[^']*'|"[^"]*"|[0-9]+""")  # what differs between problems of a kind
_NO_ACCOUNT = re.compile(r"(?!.*[0-9]{5}).*[^\W\d_]{2}.*|")


class Repeated(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was skipped because its account was there before; amounts in US dollars."""

    line: int
    account: str
    kept: list[str]
    skipped: list[str]

    @property
    def differs(self) -> bool:
        """Return True if money was left out, rather than a row written twice."""
        return self.kept != self.skipped


class CreditsFile(NamedTuple):
    """What a file says. `credits`: by account, an amount in US dollars per month.

    `rows` and `total` include the repeated rows. `doubts`: what the file may say beside credits.
    """

    credits: dict[str, list[Decimal]]
    repeated: list[Repeated]
    rows: int
    total: Decimal
    doubts: list[str]


def read_credits(
    key: str,
    body: bytes,
    months: Sequence[Month],
    metadata: Mapping[str, str],
    *,
    allow_reversals: bool,
) -> CreditsFile:
    """Read a whole file; BadCredits lists every problem, above 100 by kind. `metadata`: totals."""
    problems: list[Problem] = []
    rows, is_open = read_rows(body, problems)
    if header := bool(rows) and _is_header(rows[0]):
        problems += _header_problems(rows.pop(0), months, allowed=is_range(key))
    if not rows and (header or not problems):
        problems.append((1, _EMPTY))
    elif not problems and is_open and _is_cut_off(rows):
        problems.append((rows[-1].line, _CUT_OFF))
    read = partial(parse_amount, blank_is_zero=is_range(key), allow_reversals=allow_reversals)
    exact = any(re.search(r"\.[0-9]", cell) for row in rows for cell in row.cells[1:])
    every = [_amounts(row, len(months), read, problems, exact=exact) for row in rows]
    file = _with_first(rows, every)
    if not problems:
        controls = ((0, what) for what in _control_problems(file, metadata))
        problems += chain(totals(rows, every, file.credits), controls)
    if problems:
        raise BadCredits(_explained(key, problems))
    may_be_totals = some(possible_totals(rows, every, file.credits), _MOST_ALIKE)
    return file._replace(doubts=[*rounded(tidy(row.cells[0]) for row in rows), *may_be_totals])


def _with_first(rows: Sequence[Row], every: Sequence[list[Decimal]]) -> CreditsFile:
    """Return the file; a repeated account keeps its first row."""
    kept: dict[str, list[Decimal]] = {}
    repeated = []
    for (line, cells, _), amounts in zip(rows, every, strict=True):
        first = kept.setdefault(account := tidy(cells[0]), amounts)
        if first is not amounts:
            repeated.append(
                Repeated(line=line, account=account, kept=_texts(first), skipped=_texts(amounts))
            )
    return CreditsFile(kept, repeated, len(rows), exact_sum(chain.from_iterable(every)), [])


def _texts(amounts: list[Decimal]) -> list[str]:
    return [f"{amount:.2f}" for amount in amounts]


def _is_header(row: Row) -> bool:
    """Return True if a row has a name in place of an account, and no amount."""
    first, *others = map(tidy, row.cells)
    return bool(_NO_ACCOUNT.fullmatch(first[:_LONGEST_NAME])) and all(
        _amount(cell) is None for cell in others
    )


def _header_problems(row: Row, months: Sequence[Month], *, allowed: bool) -> Iterator[Problem]:
    wanted = ["account", *map(str, months)]
    found = shown(",".join(row.cells))
    if not allowed:
        yield row.line, f"{found} is a header row; remove it"
    elif [tidy(cell) for cell in row.cells[1:]] != wanted[1:]:
        yield row.line, f"the header {found} does not fit the name; write {','.join(wanted)}"


def _is_cut_off(rows: Sequence[Row]) -> bool:
    """Return True if the last amount of an open row may lack its end: no digits or no cents.

    A lone minus may be the beginning of an amount, and an amount may lack the minus behind it.
    """
    *others, last = [tidy(cell) for row in rows for cell in row.cells[1:]] or [""]
    if not re.search("[0-9]", last):
        return True
    if not last.endswith("-") and any(re.search("[0-9] *-$", other) for other in others):
        return True
    return not has_cents(last) and ("." in last or any(map(has_cents, others)))


def _amounts(
    row: Row, months: int, read: Callable[[str], Decimal], problems: list[Problem], *, exact: bool
) -> list[Decimal]:
    """Read one row's amounts, adding whatever is wrong with it to the problems."""
    account, *cells = row.cells
    if len(cells) != months:
        said = f"{counted(len(row.cells), 'column')} instead of {1 + months}"
        problems.append((row.line, said + about_columns(row, 1 + months)))
    for found in ambiguous(row, exact=exact) if months > 1 else ():
        said = f"{shown(found)} may be one amount or several; put every amount in quotes"
        problems.append((row.line, said))
    if problem := account_problem(tidy(account)):
        problems.append((row.line, problem))
    amounts = []
    for cell in cells[:months]:
        try:
            amounts.append(amount := read(cell))
            if _is_account(amount, tidy(account)):
                problems.append((row.line, f"amount {shown(cell)} is the account of its row"))
        except BadAmount as error:
            problems.append((row.line, str(error)))
    return amounts


def _is_account(amount: Decimal, account: str) -> bool:
    whole = f"{amount:.2f}".removesuffix(".00")
    return len(whole) >= _LIKE_AN_ACCOUNT and whole == account.lstrip("0")


def _control_problems(file: CreditsFile, metadata: Mapping[str, str]) -> Iterator[str]:
    if (rows := metadata.get(ROW_COUNT)) is not None and rows != str(file.rows):
        yield f"the upload's {ROW_COUNT} is {shown(rows)}, the file has {counted(file.rows, 'row')}"
    if (total := metadata.get(TOTAL_USD)) is not None and _amount(total) != file.total:
        yield f"the upload's {TOTAL_USD} is {shown(total)}, the file's is {file.total:.2f}"


def _amount(text: str) -> Decimal | None:
    try:
        return parse_amount(text, blank_is_zero=False, allow_reversals=True)
    except BadAmount:
        return None


def _explained(key: str, found: Iterable[Problem]) -> str:
    """Name what is wrong with a file, one problem a line; of very many, the first of each kind."""
    problems = sorted(found, key=itemgetter(0))
    many, kinds = len(problems) > MOST_PROBLEMS, defaultdict[str, list[str]](list)
    for line, what in problems:
        said = f"line {line}: {what}" if line else what
        kinds[_VALUE.sub("", what) if many else said].append(said)
    listed = []
    for alike in kinds.values():
        listed += alike[:_MOST_ALIKE]
        if more := alike[_MOST_ALIKE:]:
            listed.append(f"and {len(more):,} more of this kind; the last is {more[-1]}")
    count = counted(len(problems), "problem")
    return "\n".join([f"{key}: {count}, nothing of it was posted", *some(listed, MOST_PROBLEMS)])
