"""Mails and pages, rendered from a template beside the module that says what is in them.

What is no month's report is a page of lists and tables: previews, late usage, credits.
"""

from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from functions.domain.wording import number


@cache
def _templates(folder: Path) -> Environment:
    # What is put into HTML stays text; a name that is missing is an error.
    return Environment(
        loader=FileSystemLoader([folder, Path(__file__).parent]),
        autoescape=select_autoescape(("html",)),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )


def render(path: Path, **said: Any) -> str:
    """Return a template with what is said; no line of it is blank at its end."""
    text = _templates(path.parent).get_template(path.name).render(said)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"


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
