"""The time. Everything else takes the time as an argument."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from aws_lambda_powertools.utilities.typing import LambdaContext


class Clock(NamedTuple):
    """The time as one invocation of a function sees it."""

    now: Callable[[], datetime]
    seconds_left: Callable[[], float]


def now() -> datetime:
    """Return the moment, in UTC."""
    return datetime.now(UTC)


def of(context: LambdaContext) -> Clock:
    """Return the time of an invocation."""
    return Clock(now, lambda: context.get_remaining_time_in_millis() / 1000)
