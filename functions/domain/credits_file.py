"""A credits file: one row per AWS account, one amount per month of its name.

All or nothing: CloudZero replaces a month as a whole, so posting the rows that can be read would
erase those that cannot.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
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


class Credit(NamedTuple):
    """One account's credits in US dollars, one per month."""

    account: str
    amounts: tuple[Decimal, ...]


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
    """What a file says; `rows` and `total` include the repeated rows."""

    credits: list[Credit]
    repeated: list[Repeated]
    rows: int
    total: Decimal


class _Problem(NamedTuple):
    line: int
    what: str


class _Row(NamedTuple):
    line: int
    cells: list[str]


def read_credits(key: str, body: bytes, months: int, *, allow_reversals: bool) -> CreditsFile:
    """Read a whole file; BadCredits lists every problem with its line (up to 100)."""
    text, problems = _text(key, body), list[_Problem]()
    rows = list(_rows(text, problems))
    if not rows and not problems:
        problems.append(_Problem(1, "the file is empty; to empty a month give its accounts $0.00"))
    if not problems and _is_cut_off(text, rows, allow_reversals=allow_reversals):
        problems.append(_Problem(rows[-1].line, _CUT_OFF))
    found = [
        (row.line, row.cells[0], amounts)
        for row in rows
        if (amounts := _amounts(row, months, is_range(key), allow_reversals, problems))
    ]
    if problems:
        in_order = sorted(problems, key=lambda problem: problem.line)
        raise BadCredits(explained(key, [f"line {line}: {what}" for line, what in in_order]))
    kept: dict[str, list[Decimal]] = {}
    repeated = []
    for line, account, amounts in found:
        first = kept.setdefault(account, amounts)
        if first is not amounts:
            repeated.append(
                Repeated(line=line, account=account, kept=_texts(first), skipped=_texts(amounts))
            )
    total = exact_sum(amount for _, _, amounts in found for amount in amounts)
    return CreditsFile(
        [Credit(account, tuple(amounts)) for account, amounts in kept.items()],
        repeated,
        len(rows),
        total,
    )


def _texts(amounts: list[Decimal]) -> list[str]:
    return [f"{amount:.2f}" for amount in amounts]


def _is_cut_off(text: str, rows: Sequence[_Row], *, allow_reversals: bool) -> bool:
    """Say whether the last amount lacks its end: no line end, and no cents where others have them.

    A lone minus may be the beginning of a reversal.
    """
    if text.endswith(("\n", "\r", '"')):  # a quote that is closed says that the amount is whole
        return False
    *others, last = [cell.strip() for row in rows for cell in row.cells[1:]] or [""]
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
        line = len(error.object[: error.start].splitlines(keepends=True) or [b""])
        line += error.object[: error.start].endswith((b"\n", b"\r"))
        what = f"line {line}: byte {error.object[error.start]:#04x} is not UTF-8 text"
        raise BadCredits(explained(key, [f"{what}; save the file as CSV UTF-8"])) from error


def _rows(text: str, problems: list[_Problem]) -> Iterator[_Row]:
    """Yield every row with the line it starts on. Empty lines at the end hold nothing."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    empty: list[int] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells, broken = None, _Problem(line, f"the quotes do not match up ({error})")
        if cells == []:
            empty.append(line)
            continue
        problems += [_Problem(number, "the line is empty") for number in empty]
        empty.clear()
        if cells is None:
            problems.append(broken)
        else:
            yield _Row(line, cells)


def _amounts(
    row: _Row,
    months: int,
    blank_is_zero: bool,  # noqa: FBT001
    allow_reversals: bool,  # noqa: FBT001
    problems: list[_Problem],
) -> list[Decimal] | None:
    """Read one row's amounts, adding whatever is wrong with it to the problems."""
    found: list[str] = []
    if len(row.cells) != 1 + months:
        found.append(f"{len(row.cells)} columns instead of {1 + months}")
    if not _ACCOUNT.fullmatch(row.cells[0]):
        hint = " (the file has no header row)" if row.line == 1 else ""
        found.append(f"account {shown(row.cells[0])} is not exactly 12 digits{hint}")
    amounts = []
    for cell in row.cells[1 : 1 + months]:
        try:
            amount = parse_amount(
                cell, blank_is_zero=blank_is_zero, allow_reversals=allow_reversals
            )
            amounts.append(amount)
        except BadAmount as error:
            found.append(str(error))
    problems += [_Problem(row.line, what) for what in found]
    return None if found else amounts
