"""The waits of credits.asl.json add up: who waits for the stream outlasts who holds it."""

from typing import Any

from functions.domain.credits.name import MOST_MONTHS
from infra import definitions

DEFINITION = definitions.load("credits")
MONTH = DEFINITION["States"]["ForEachMonth"]["ItemProcessor"]["States"]
MOST_EVENTS, EVENTS_OF_AN_ATTEMPT, EVENTS_OF_AN_ITERATION = 25_000, 3, 4


def seconds_of(state: dict[str, Any], error: str) -> float:
    """Add up the waits of a state's Retry for one error."""
    (rule,) = (rule for rule in state["Retry"] if error in rule["ErrorEquals"])
    wait, total = float(rule["IntervalSeconds"]), 0.0
    if rule.get("JitterStrategy") == "FULL":  # half of it, on average
        wait /= 2
    for _ in range(rule["MaxAttempts"]):
        total += min(wait, rule.get("MaxDelaySeconds", wait))
        wait *= rule["BackoffRate"]
    return total


def test_an_upload_waits_as_long_as_another_execution_may_hold_the_stream() -> None:
    waits = seconds_of(DEFINITION["States"]["AcquireStream"], "StreamBusy")
    assert waits >= DEFINITION["TimeoutSeconds"]


def test_the_longest_back_fill_has_time_for_every_month_to_be_ingested() -> None:
    slowest = seconds_of(MONTH["VerifyDrop"], "DropDiffers")
    assert slowest > 6_000
    assert MOST_MONTHS * slowest < DEFINITION["TimeoutSeconds"]


def test_whoever_waits_for_the_stream_asks_as_often_however_long_it_has_waited() -> None:
    (rule, _) = DEFINITION["States"]["AcquireStream"]["Retry"]
    assert (rule["BackoffRate"], rule["JitterStrategy"]) == (1, "FULL")
    assert rule["IntervalSeconds"] <= 120


def test_no_history_is_longer_than_step_functions_allows_whatever_is_retried() -> None:
    def events(state: dict[str, Any]) -> int:
        attempts: int = 1 + sum(rule["MaxAttempts"] for rule in state.get("Retry", ()))
        return 2 + EVENTS_OF_AN_ATTEMPT * attempts

    others = sum(events(state) for state in DEFINITION["States"].values())
    months = MOST_MONTHS * (EVENTS_OF_AN_ITERATION + sum(map(events, MONTH.values())))
    assert others + months < MOST_EVENTS
