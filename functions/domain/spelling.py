"""Which known name was probably meant by one that is not known."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from functions.domain.wording import some


def mistyped(names: Iterable[str], known: Collection[str], *, alike: float) -> str:
    """Return which name was probably meant as a known one; empty if there is none.

    `alike`: from which likeness on; 1 is the same but for case and blanks around it. A name that
    is a known one with more behind it is another one: people keep copies.
    """
    folded = {name.casefold(): name for name in known}
    for name in names:
        text = name.strip().casefold()
        near = get_close_matches(text, folded, n=1, cutoff=alike)
        if near and name not in known and (text == near[0] or near[0] not in text):
            return f"{name!r} is not known; did you mean {folded[near[0]]}?"
    return ""


def suggestion(names: Iterable[str], known: Collection[str]) -> str:
    """Return the known names that are closest to some that are not, and all that are known."""
    folded = {name.casefold(): name for name in known}
    close = [get_close_matches(name.casefold(), folded, n=1) for name in names]
    meant = ", ".join(folded[name] for found in close for name in found)
    listed = ", ".join(some(sorted(known))) or "none"
    return f"did you mean {meant}? known: {listed}" if meant else f"known: {listed}"
