"""Numbers and lists as people read them."""

import re
from collections.abc import Iterable


def counted(count: int, thing: str) -> str:
    """Return a number with its noun: 1 row, 2 rows."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def number(text: str) -> str:
    """Return a number with its thousands grouped; anything else as it is."""
    whole = re.fullmatch(r"(-?)(\d+)(\.\d+)?", text)
    return f"{whole[1]}{int(whole[2]):,}{whole[3] or ''}" if whole else text


def some(texts: Iterable[str], most: int = 20) -> list[str]:
    """Return the first texts, and how many more there are."""
    found = list(texts)
    return found[:most] + ([f"and {len(found) - most} more"] if len(found) > most else [])


def grouped(found: Iterable[tuple[str, str]], most: int) -> list[str]:
    """Report each reason once, with its contracts; `found` holds pairs of contract and reason."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in found:
        by_reason.setdefault(reason, []).append(name)
    texts = []
    for reason, names in by_reason.items():
        why = f" ({reason})" if reason else ""
        if len(names) == 1 and most > 0:
            texts.append(f"{names[0]}{why}")
        else:
            named = f": {', '.join(some(names, most))}" if most > 0 else ""
            texts.append(f"{len(names)} contract{'s' * (len(names) > 1)}{why}{named}")
        most -= len(names)
    return texts
