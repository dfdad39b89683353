"""The report of one execution of the credits pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from functions.domain.credits_file import Repeated


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
    named = ", ".join(f"line {row.line} ({row.account})" for row in differing[:5])
    return (
        f"{len(differing)} repeated accounts have other amounts than their first rows, and only "
        f"the first rows were posted: {named}{', …' if len(differing) > 5 else ''}"  # noqa: PLR2004
    )


def encode(report: CreditsReport) -> bytes:
    """Return indented JSON whose first line holds `attention`."""
    text = msgspec.json.format(msgspec.json.encode(report), indent=1)
    return text.replace(b"{\n ", b"{", 1)
