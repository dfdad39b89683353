"""A page of lists and tables, for what is no month's report: previews, late usage, credits."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from functions.domain.templates import render
from functions.domain.wording import number


class Listing(NamedTuple):
    """Sentences under a heading; left out without any."""

    title: str
    texts: Sequence[str]


class Table(NamedTuple):
    """Rows under a heading, left out without any; `numbers` names the columns of numbers."""

    title: str
    columns: Sequence[str]
    numbers: Collection[str]
    rows: Sequence[Sequence[str]]


class Page(NamedTuple):
    """What a page says, from its title to its tables; the JSON file beside it has all rows."""

    title: str
    lines: Sequence[str]
    lists: Sequence[Listing]
    tables: Sequence[Table]

    def html(self) -> bytes:
        """Return the page, with the first rows of each table."""
        template = Path(__file__).with_name("tables.html")
        return render(template, page=self, number=number, most=500).encode()
