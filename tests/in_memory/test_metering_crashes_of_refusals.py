"""As test_metering_crashes, with a contract that Clazar refuses at first and takes later."""

from collections.abc import Callable

import pytest

from tests.in_memory.metering_crashes import check_row
from tests.in_memory.metering_scenarios import RECEIVERS, Receiver


@pytest.mark.parametrize("receiver", RECEIVERS, ids=str)
@pytest.mark.parametrize("scenario", ["refused", "re-opened", "retried"])
def test_a_refused_contract_is_named_and_once_it_is_tried_again_billed_once(
    scenario: str, receiver: Receiver, covered: Callable[..., None]
) -> None:
    check_row(scenario, receiver, covered)
