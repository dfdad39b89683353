"""As test_metering_crashes, with a month that is held until it is approved.

The receiver has no part in a hold, so one is enough.
"""

from collections.abc import Callable

import pytest

from tests.in_memory.metering_crashes import check_row
from tests.in_memory.metering_scenarios import RECEIVERS


@pytest.mark.parametrize("scenario", ["held", "approved"])
def test_a_held_month_is_sent_only_once_it_is_approved_and_then_billed_once(
    scenario: str, covered: Callable[..., None]
) -> None:
    check_row(scenario, RECEIVERS[0], covered)
