"""Mails and pages, rendered from a template beside the module that says what is in them."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

_SHARED = Path(__file__).parent


@cache
def _templates(folder: Path) -> Environment:
    # What is put into HTML stays text; a name that is missing is an error.
    return Environment(
        loader=FileSystemLoader([folder, _SHARED]),
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
