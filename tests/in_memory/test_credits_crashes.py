"""CloudZero holds the newest upload in the end, wherever and however a run breaks.

Replay one case: `play(key, case, newer)` with what the message says.
"""

from collections.abc import Callable

import pytest

from tests.in_memory.breaks import check
from tests.in_memory.credits_crashes import (
    FILES,
    NEWER,
    Newer,
    play,
    recorded,
    uploads_without_a_break,
)

# The file of two months takes twice as long; that its event is late is no matter of its months.
ROWS = [(key, newer) for key in FILES for newer in NEWER if "_" not in key or "event" not in newer]


@pytest.mark.parametrize(("key", "newer"), ROWS)
def test_whatever_breaks_the_newest_upload_is_what_cloudzero_holds_in_the_end(
    key: str, newer: Newer, covered: Callable[..., None]
) -> None:
    found = recorded(key)
    if newer != "later":
        found += uploads_without_a_break(key)
    replay = f"play({key!r}, {{!r}}, {newer!r})"
    check("credits crash matrix", found, lambda case: play(key, case, newer), replay, covered)
