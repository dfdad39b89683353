"""Numbers and lists as people read them, and names as they may have meant them."""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches


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


def mistyped(names: Iterable[str], known: Collection[str]) -> str:
    """Return which name was probably meant as a known one; empty if there is none.

    A name that is a known one with more behind it is another one: people keep copies.
    """
    for name in (one for one in names if one not in known):
        text, near = name.strip().casefold(), _nearest(name.strip(), known, alike=0.85)
        is_copy = near.casefold() in text and near.casefold() != text
        if near and not is_copy:
            return f"{name!r} is not known; did you mean {near}?"
    return ""


def suggestion(names: Iterable[str], known: Collection[str]) -> str:
    """Return the known names that are closest to some that are not, and all that are known."""
    meant = ", ".join(filter(None, (_nearest(name, known) for name in names)))
    listed = ", ".join(some(sorted(known))) or "none"
    return f"did you mean {meant}? known: {listed}" if meant else f"known: {listed}"


def _nearest(name: str, known: Collection[str], alike: float = 0.6) -> str:
    """Return the known name that is most like another one, whatever their case; empty if none."""
    folded = {one.casefold(): one for one in known}
    return "".join(folded[one] for one in get_close_matches(name.casefold(), folded, 1, alike))
