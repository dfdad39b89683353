"""What runs in memory has the rights that are deployed, so every story tests them."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.in_memory.machine import Execution
from tests.in_memory.points import Invocation, Points
from tests.in_memory.rights import Denied, DeployedBucket

FORBIDDEN: dict[str, Callable[[DeployedBucket], object]] = {
    "read days/x.json": lambda bucket: bucket.read("days/x.json"),
    "list reports/": lambda bucket: bucket.list("reports/"),
    "write ledger/x.json": lambda bucket: bucket.put("ledger/x.json", b""),
    "write leases/x.json": lambda bucket: bucket.create("leases/x.json", b""),
    "write metering_state.json": lambda bucket: bucket.replace("metering_state.json", b"", ""),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_function_that_does_more_than_its_role_may_is_denied(what: str) -> None:
    points = Points()
    bucket = DeployedBucket("metering", "state", points)
    FORBIDDEN[what](bucket)  # nobody's role: an operator
    function = Invocation(Execution("", "x-1", {}, ""), 0, "SummarizeRun", datetime.now(UTC))
    points.invocations.append(function)
    with pytest.raises(Denied, match=f"SummarizeRun has no right to {what} in the state bucket"):
        FORBIDDEN[what](bucket)
