from typing import Any

import pytest

from infra.local.cli.session import tell_retry
from infra.local.cli.show import retry_line
from infra.local.machine.measure import RetryWait
from tests.unit.local.conftest import Open
from tests.unit.local.machine.test_state_machine import machine, mapped, task

FAILS = """
    class Busy(Exception): pass
    def handler(event, context): raise Busy("the stream\\nis in use")
"""
WAIT = RetryWait(
    state="PostDrop", error="OutcomeUnknown", cause="", seconds=120.4, attempt=1, attempts=6
)


def retried(mode: str | None) -> dict[str, Any]:
    """Give a machine whose task fails and is retried twice, on its own or in a map."""
    retry = {"ErrorEquals": ["Busy"], "IntervalSeconds": 20, "MaxAttempts": 2, "BackoffRate": 3}
    fails = task("fails", Retry=[retry])
    return mapped(fails, mode) if mode else machine(Child=fails)


@pytest.mark.parametrize("mode", [None, "INLINE", "DISTRIBUTED"])
def test_every_retry_is_reported_with_its_reason_and_its_real_seconds(
    tiny: Open, mode: str | None
) -> None:
    reported: list[RetryWait] = []
    account = tiny({"fails": FAILS}, retried(mode), retrying=reported.append)
    assert account.run({"items": [1]}, time_scale=0.01).status == "FAILED"
    assert [(wait.state, wait.error, wait.attempt, wait.attempts) for wait in reported] == [
        ("Child", "Busy", 1, 2),
        ("Child", "Busy", 2, 2),
    ]
    assert [round(wait.seconds, 2) for wait in reported] == [0.2, 0.6]
    assert retry_line(reported[0]) == "Child: Busy, again in 0 s (1 of 2): the stream is in use"


def test_the_line_of_a_retry_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    tell_retry(WAIT)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "PostDrop: OutcomeUnknown, again in 120 s (1 of 6)\n")


@pytest.mark.parametrize(("seconds", "lines"), [(1.99, 0), (2.0, 1)])
def test_short_waits_are_not_worth_a_line(
    seconds: float, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_retry(RetryWait("S", "Busy", "x", seconds, attempt=1, attempts=2))
    assert len(capsys.readouterr().err.splitlines()) == lines


def test_a_stderr_that_is_gone_does_not_fail_the_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, _: str) -> None:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Gone())
    tell_retry(WAIT)
