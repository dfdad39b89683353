"""Which Retry and which Catch an error meets."""

from __future__ import annotations

from collections.abc import Sequence

from tests.in_memory.data_flow import JsonObject


def _matches(names: Sequence[str], error: str) -> bool:
    task_failed = "States.TaskFailed" in names and error != "States.Timeout"
    return error in names or "States.ALL" in names or task_failed


def delay(retriers: Sequence[JsonObject], error: str, used: list[int]) -> float | None:
    """Return how long to wait before the next attempt; None if there is none. Jitter: in full.

    `used` counts the attempts of each retrier.
    """
    for number, retrier in enumerate(retriers):
        if _matches(retrier["ErrorEquals"], error):
            if used[number] >= retrier.get("MaxAttempts", 3):
                return None
            growth = retrier.get("BackoffRate", 2.0) ** used[number]
            used[number] += 1
            seconds = retrier.get("IntervalSeconds", 1) * growth
            return float(min(seconds, retrier.get("MaxDelaySeconds", 31_622_400)))
    return None


def catcher(catchers: Sequence[JsonObject], error: str) -> JsonObject | None:
    """Return the first catcher for an error."""
    return next((item for item in catchers if _matches(item["ErrorEquals"], error)), None)
