"""Numbers and messages as an operator reads them, the same everywhere on the screen."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation


def usd(amount: Decimal | str) -> str:
    """An amount with its cents; what is not an amount stays as it is."""
    try:
        return f"{Decimal(amount):,.2f}"
    except InvalidOperation:
        return str(amount)


def one_line(message: str, longest: int = 150) -> str:
    """As much of a message as fits into one line; nothing in it can move the cursor."""
    text = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", message).split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
