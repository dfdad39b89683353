"""Pages in HTML: rendered from a template; whatever is put in stays text."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template


@cache
def _template(path: Path) -> Template:
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    return environment.from_string(path.read_text(encoding="utf-8"))


def render(path: Path, **said: Any) -> str:
    """Return a template with what is said, escaped."""
    return _template(path).render(said)
