"""From the bytes of a CSV file to its rows, as spreadsheets save them."""

import csv
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from functions.domain.conversion import not_text
from functions.domain.credits.cells import AROUND, tidy
from functions.domain.wording import counted

Problem = tuple[int, str]  # a line, and what is wrong with it; line 0 is the file as a whole
_SAVE = "save the file as CSV UTF-8 (comma delimited)"
_UTF_8 = "utf-8-sig"
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
# Blanks beside the quotes of a cell, which are not part of it.
_BESIDE = re.compile(rf'(?:(?<=,)|^)[{AROUND}]+(?=")|(?<=")[{AROUND}]+(?=,|\r|\n|$)')

# What an amount with a comma and without quotes looks like: the months of a back-fill. In a file
# of whole dollars it is these, unless a currency is before or behind it only, or there is a 0dd.
_THOUSANDS = re.compile(
    r'(?<=,)[^,0-9"]*[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?(?![0-9])(?: *[A-Za-z]+)?'
)
_SPLIT = re.compile(r"(?<![0-9.])[0-9]{1,9},[0-9]{1,3}(?![0-9])")


class Row(NamedTuple):
    """A row with the line it starts on, and its text: there one sees what is in quotes."""

    line: int
    cells: list[str]
    text: str


def read_rows(body: bytes, problems: list[Problem]) -> tuple[list[Row], bool]:
    """Return the rows, and whether the last one is open: without a line end or a closing quote."""
    if kind := not_text(body):
        problems.append((1, f"the file is {kind}; {_SAVE}"))
        return [], False
    try:
        text = body.decode(_UTF_8)
    except UnicodeDecodeError as error:
        # Counted behind a byte order mark, with any kind of line end.
        line = len((error.object[: error.start] + b"?").splitlines())
        what = f"byte {error.object[error.start]:#04x} is not UTF-8 text; {_SAVE}"
        problems.append((line, what))
        return [], False
    # A spreadsheet may have saved a million rows of commas.
    if end := re.compile(r"\r\n?|\n").search(text, len(text.rstrip(f",\r\n{AROUND}"))):
        text = text[: end.end()]
    rows = list(_rows(text, problems))
    written = [row for row in rows if any(map(tidy, row.cells))]
    last = max([row.line for row in written] + [line for line, _ in problems], default=0)
    between = {row.line for row in rows if row.line < last} - {row.line for row in written}
    problems += [(line, "the line is empty") for line in between]
    ended = text.rstrip(AROUND).endswith(("\n", "\r", '"')) or rows[-1:] != written[-1:]
    return written, not ended


def _rows(text: str, problems: list[Problem]) -> Iterator[Row]:
    lines = [_BESIDE.sub("", line) for line in io.StringIO(text, newline="")]
    reader = csv.reader(lines, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            other = re.search(r'" *([;\t|])', lines[line - 1])
            said = _separated_by(other) if other else f"the quotes do not match up ({error})"
            problems.append((line, said))
            continue
        if other := re.search(r"([;\t|])", cells[0].strip() if cells else ""):
            problems.append((line, _separated_by(other)))
        else:
            yield Row(line, cells, "".join(lines[line - 1 : reader.line_num]))


def _separated_by(found: re.Match[str]) -> str:
    return f"the columns are separated by {_SEPARATORS[found[1]]}, not commas; {_SAVE}"


def _unquoted(row: Row) -> str:
    return re.sub('"[^"]*"', '""', row.text)


def about_columns(row: Row, columns: int) -> str:
    """Say what to do about columns that are too many."""
    first, last, more = columns + 1, len(row.cells), [*map(tidy, row.cells[columns:])]
    if more and not any(more):
        several = f"; columns {first} to {last} are empty: delete them"
        return several if first < last else f"; column {first} is empty: delete it"
    if more and _SPLIT.search(_unquoted(row)):
        return "; an amount with a comma needs quotes"
    return f"; keep only the account and {counted(columns - 1, 'amount')}" if more else ""


def ambiguous(row: Row, *, exact: bool) -> list[str]:
    """Return what may be one amount or several; `exact`: others are written with their cents."""
    found = _THOUSANDS.findall(_unquoted(row))
    return [text for text in found if exact or re.search(",0|[$A-Za-z]", text)]
