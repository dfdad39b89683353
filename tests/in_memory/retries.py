"""Which Retry and which Catch an error meets."""

from collections.abc import Callable, Sequence

from tests.in_memory.data_flow import JsonObject

# Full jitter draws a wait between nothing and this; without a draw the longest one counts.
jitter: Callable[[float], float] = float


def _matches(names: Sequence[str], error: str) -> bool:
    task_failed = "States.TaskFailed" in names and error != "States.Timeout"
    return error in names or "States.ALL" in names or task_failed


def delay(retriers: Sequence[JsonObject], error: str, used: list[int]) -> float | None:
    """Return how long to wait before the next attempt; None if there is none.

    `used` counts the attempts of each retrier.
    """
    for number, retrier in enumerate(retriers):
        if _matches(retrier["ErrorEquals"], error):
            if used[number] >= retrier.get("MaxAttempts", 3):
                return None
            growth = retrier.get("BackoffRate", 2.0) ** used[number]
            used[number] += 1
            seconds = retrier.get("IntervalSeconds", 1) * growth
            longest = float(min(seconds, retrier.get("MaxDelaySeconds", 31_622_400)))
            return jitter(longest) if retrier.get("JitterStrategy") == "FULL" else longest
    return None


def catcher(catchers: Sequence[JsonObject], error: str) -> JsonObject | None:
    return next((item for item in catchers if _matches(item["ErrorEquals"], error)), None)
