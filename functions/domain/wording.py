"""Numbers as a person reads them."""

from __future__ import annotations


def counted(count: int, thing: str) -> str:
    """Return a number with its noun: 1 row, 2 rows."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
