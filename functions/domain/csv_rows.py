"""From the bytes of a CSV file to its rows, as spreadsheets save them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from functions.domain.cells import AROUND, tidy

Problem = tuple[int, str]  # a line, and what is wrong with it; line 0 is the file as a whole
_SAVE = "save the file as CSV UTF-8 (comma delimited)"
# A workbook, new or old; UTF-16 with its mark, and with an ASCII letter first without.
_NOT_TEXT = {
    rb"PK\x03\x04|\xd0\xcf\x11\xe0": "a workbook",
    rb"\xff\xfe|\xfe\xff|\x00[^\x00]|[^\x00]\x00": "UTF-16",
    rb"\x1f\x8b": "compressed",
}
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_NOTHING = AROUND + '\r\n,"'
# Blanks beside the quotes of a cell, which are not part of it.
_BESIDE = re.compile(rf'(?:(?<=,)|^)[{AROUND}]+(?=")|(?<=")[{AROUND}]+(?=,|\r|\n|$)')


class Row(NamedTuple):
    """A row with the line it starts on, and its text: there one sees what is in quotes."""

    line: int
    cells: list[str]
    text: str


def read_rows(body: bytes, problems: list[Problem]) -> tuple[list[Row], bool]:
    """Return the rows, and whether the last one is open: without a line end or a closing quote."""
    if kind := next((kind for start, kind in _NOT_TEXT.items() if re.match(start, body)), None):
        problems.append((1, f"the file is {kind}; {_SAVE}"))
        return [], False
    try:
        text = _without_blank_end(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        # Counted behind a byte order mark, with any kind of line end.
        line = len((error.object[: error.start] + b"?").splitlines())
        what = f"byte {error.object[error.start]:#04x} is not UTF-8 text; {_SAVE}"
        problems.append((line, what))
        return [], False
    return list(_rows(text, problems)), not text.rstrip(AROUND).endswith(("\n", "\r", '"'))


def _without_blank_end(text: str) -> str:
    """Leave out rows of commas and blanks at the end, unless a quote is open there."""
    end = len(text.rstrip(_NOTHING))
    if end:
        line_end = re.search("\r\n|\r|\n", text[end:])
        end = end + line_end.end() if line_end else len(text)
    return text if text.count('"', end) % 2 else text[:end]


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
        elif any(map(tidy, cells)):
            yield Row(line, cells, "".join(lines[line - 1 : reader.line_num]))
        else:
            problems.append((line, "the line is empty"))


def _separated_by(found: re.Match[str]) -> str:
    return f"the columns are separated by {_SEPARATORS[found[1]]}, not commas; {_SAVE}"
