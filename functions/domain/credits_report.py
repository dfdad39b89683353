"""The report of one execution of the credits pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from functions.domain.credits_file import Repeated

_NAMED = 5


class CreditsReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was posted, and which rows were not. `attention` comes first, for whoever opens it."""

    attention: str
    file: str
    version: str
    execution: str
    months: Sequence[Any]
    warnings: Sequence[str]
    duplicates: Sequence[Repeated]


def attention(repeated: Sequence[Repeated]) -> str:
    """Say that rows with other amounts were skipped: money that nobody has posted."""
    differing = [row for row in repeated if row.differs]
    if not differing:
        return ""
    named = ", ".join(f"line {row.line} ({row.account})" for row in differing[:_NAMED])
    more = ", …" if len(differing) > _NAMED else ""
    plural = "s" if len(differing) > 1 else ""
    return (
        f"{len(differing)} repeated account{plural} with another amount than the first time; "
        f"only the first rows were posted: {named}{more}"
    )


def encode(report: CreditsReport) -> bytes:
    """Return indented JSON whose first line holds `attention`."""
    text = msgspec.json.format(msgspec.json.encode(report), indent=1)
    return text.replace(b"{\n ", b"{", 1)
