"""Which known name was probably meant by one that is not known."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from functions.domain.wording import some


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
