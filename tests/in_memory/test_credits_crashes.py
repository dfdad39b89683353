"""CloudZero holds the newest upload in the end, wherever and however a run breaks.

Replay one case: `Row(key, newer).play(case)` with what the message says.
"""

from collections.abc import Callable

import pytest

from tests.in_memory.breaks import check
from tests.in_memory.credits_crashes import (
    FILES,
    NEWER,
    Newer,
    Row,
)

# The file of two months takes twice as long; that its event is late is no matter of its months.
ROWS = [(key, newer) for key in FILES for newer in NEWER if "_" not in key or "event" not in newer]


@pytest.mark.parametrize(("key", "newer"), ROWS)
def test_whatever_breaks_the_newest_upload_is_what_cloudzero_holds_in_the_end(
    key: str, newer: Newer, covered: Callable[..., None]
) -> None:
    row, replay = Row(key, newer), f"Row({key!r}, {newer!r}).play({{!r}})"
    check("credits crash matrix", row.recorded(), row.play, replay, covered)
