"""A credits file: one row per AWS account, one amount per month of its name.

All or nothing: CloudZero replaces a month as a whole, so posting the rows that can be read would
erase those that cannot.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from operator import itemgetter
from typing import NamedTuple

import msgspec

from functions.domain.amount import BadAmount, exact_sum, has_cents, parse_amount, shown
from functions.domain.credits_name import is_range
from functions.errors import BadCredits

MOST_PROBLEMS = 100

_CUT_OFF = (
    "the file ends within an amount: it has no cents and the line no end; if it is whole, "
    "write the cents or end the line"
)
_ACCOUNT = re.compile(r"[0-9]{12}")


class Repeated(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was skipped because its account was there before; amounts in US dollars."""

    line: int
    account: str
    kept: list[str]
    skipped: list[str]

    @property
    def differs(self) -> bool:
        """Whether money was left out, rather than a row written twice."""
        return self.kept != self.skipped


class CreditsFile(NamedTuple):
    """What a file says. `credits`: by account, an amount in US dollars per month.

    `rows` and `total` include the repeated rows.
    """

    credits: dict[str, list[Decimal]]
    repeated: list[Repeated]
    rows: int
    total: Decimal


_Problem = tuple[int, str]  # a line, and what is wrong with it
_Row = tuple[int, list[str]]  # a line, and its cells


def read_credits(key: str, body: bytes, months: int, *, allow_reversals: bool) -> CreditsFile:
    """Read a whole file; BadCredits lists every problem with its line (up to 100)."""
    text, problems = _text(key, body), list[_Problem]()
    rows = list(_rows(text, problems))
    if not rows and not problems:
        problems.append((1, "the file is empty; to empty a month give its accounts $0.00"))
    if not problems and _is_cut_off(text, rows, allow_reversals=allow_reversals):
        problems.append((rows[-1][0], _CUT_OFF))
    read = partial(parse_amount, blank_is_zero=is_range(key), allow_reversals=allow_reversals)
    kept: dict[str, list[Decimal]] = {}
    repeated, total = [], Decimal(0)
    for line, cells in rows:
        account, amounts = cells[0], _amounts(line, cells, months, read, problems)
        total = exact_sum((total, *amounts))
        first = kept.setdefault(account, amounts)
        if first is not amounts:
            repeated.append(
                Repeated(line=line, account=account, kept=_texts(first), skipped=_texts(amounts))
            )
    if problems:
        problems.sort(key=itemgetter(0))
        raise BadCredits(explained(key, [f"line {line}: {what}" for line, what in problems]))
    return CreditsFile(kept, repeated, len(rows), total)


def _texts(amounts: list[Decimal]) -> list[str]:
    return [f"{amount:.2f}" for amount in amounts]


def _is_cut_off(text: str, rows: Sequence[_Row], *, allow_reversals: bool) -> bool:
    """Say whether the last amount lacks its end: no line end, and no cents where others have them.

    A lone minus may be the beginning of a reversal.
    """
    if text.endswith(("\n", "\r", '"')):  # a quote that is closed says that the amount is whole
        return False
    *others, last = [cell.strip() for _, cells in rows for cell in cells[1:]] or [""]
    if not last or last.endswith("-"):
        return bool(last) and allow_reversals
    return not has_cents(last) and ("." in last or any(map(has_cents, others)))


def control_problems(file: CreditsFile, metadata: Mapping[str, str]) -> list[str]:
    """Compare a file with what its uploader says of it in the object's metadata, if anything.

    `row-count` and `total-usd` count every row of the file, repeated ones as well.
    """
    problems = []
    if (rows := metadata.get("row-count")) is not None and rows != str(file.rows):
        problems.append(f"the upload's row-count is {shown(rows)}, the file has {file.rows} rows")
    if (total := metadata.get("total-usd")) is not None and not _is(total, file.total):
        problems.append(f"the upload's total-usd is {shown(total)}, the file's is {file.total:.2f}")
    return problems


def _is(text: str, total: Decimal) -> bool:
    try:
        return parse_amount(text, blank_is_zero=False, allow_reversals=True) == total
    except BadAmount:
        return False


def explained(key: str, problems: list[str]) -> str:
    """Say what is wrong with a file, one problem a line."""
    listed = problems[:MOST_PROBLEMS]
    if len(problems) > MOST_PROBLEMS:
        listed.append(f"and {len(problems) - MOST_PROBLEMS} more")
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return f"{key}: {count}, nothing of it was posted\n" + "\n".join(listed)


def _text(key: str, body: bytes) -> str:
    """Decode UTF-8 with or without a byte order mark."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Counted behind a byte order mark, with any kind of line end.
        line = len((error.object[: error.start] + b"?").splitlines())
        what = f"line {line}: byte {error.object[error.start]:#04x} is not UTF-8 text"
        raise BadCredits(explained(key, [f"{what}; save the file as CSV UTF-8"])) from error


def _rows(text: str, problems: list[_Problem]) -> Iterator[_Row]:
    """Yield every row with the line it starts on. Empty lines at the end hold nothing."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    empty: list[_Problem] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems += [*empty, (line, f"the quotes do not match up ({error})")]
            empty.clear()
            continue
        if cells:
            problems += empty
            empty.clear()
            yield line, cells
        else:
            empty.append((line, "the line is empty"))


def _amounts(
    line: int,
    cells: list[str],
    months: int,
    read: Callable[[str], Decimal],
    problems: list[_Problem],
) -> list[Decimal]:
    """Read one row's amounts, adding whatever is wrong with it to the problems."""
    if len(cells) != 1 + months:
        problems.append((line, f"{len(cells)} columns instead of {1 + months}"))
    if not _ACCOUNT.fullmatch(cells[0]):
        hint = " (the file has no header row)" if line == 1 else ""
        problems.append((line, f"account {shown(cells[0])} is not exactly 12 digits{hint}"))
    amounts = []
    for cell in cells[1 : 1 + months]:
        try:
            amounts.append(read(cell))
        except BadAmount as error:
            problems.append((line, str(error)))
    return amounts
