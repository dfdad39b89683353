"""A month is billed once and nobody is forgotten, wherever and however a run breaks.

The rows with a contract that is refused are in a file of their own, for a worker of their own.
"""

from collections.abc import Callable

import pytest

from tests.in_memory.metering_crashes import check_row
from tests.in_memory.metering_scenarios import RECEIVERS, Receiver


@pytest.mark.parametrize("receiver", RECEIVERS, ids=str)
@pytest.mark.parametrize("scenario", ["one month", "two months"])
def test_whatever_breaks_every_contract_is_billed_once_or_parked_and_named(
    scenario: str, receiver: Receiver, covered: Callable[..., None]
) -> None:
    check_row(scenario, receiver, covered)
