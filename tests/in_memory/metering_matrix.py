"""One row of the metering crash matrix: a scenario with one receiver, all its cases."""

from __future__ import annotations

from collections.abc import Callable

from tests.in_memory.metering_crashes import SCENARIOS, Receiver, play, recorded

_SHOWN = 8


def check_row(scenario: str, receiver: Receiver, covered: Callable[..., None]) -> None:
    """Play every case of a row; the message has what `play` needs to play one again."""
    found = recorded(SCENARIOS[scenario], receiver)
    named = SCENARIOS[scenario]
    failed = {case: broken for case in found if (broken := play(named, receiver, case))}
    points = len({case.number for case in found})
    covered("metering crash matrix", fault_points=points, runs=len(found))
    shown = "\n".join(
        f"play(SCENARIOS[{scenario!r}], {receiver!r}, {case!r}): {broken}"
        for case, broken in list(failed.items())[:_SHOWN]
    )
    assert not failed, f"{len(failed)} of {len(found)} cases break a promise:\n{shown}"
