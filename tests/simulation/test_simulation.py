"""The simulation itself: one seed is one story, and what it watches for it does notice."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from functions.domain import closing, ledger, months_due
from functions.domain.ledger_entry import Attempt, Entry
from functions.domain.remainders import Remainders
from functions.metering import find_late_usage, merge_usage, report_late_usage
from tests.simulation.play import play

_ROOT = Path(__file__).parents[2]
_DIGEST = (
    "import hashlib; from tests.simulation.play import play;"
    "print(hashlib.sha256(str(play({seed})).encode()).hexdigest())"
)


@pytest.mark.parametrize("seed", [3, 14])
def test_a_seed_tells_the_same_story_in_another_process_with_another_hash_order(seed: int) -> None:
    here = hashlib.sha256(str(play(seed)).encode()).hexdigest()
    there = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _DIGEST.format(seed=seed)],
        cwd=_ROOT,
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.strip() == here


class Flaw(NamedTuple):
    """A rule that is left out: where, what takes its place, and the promise that is broken."""

    modules: tuple[Any, ...]
    name: str
    instead: Callable[..., Any]
    promise: str


def _begin_without_marking(entry: Entry, attempt: Attempt) -> Entry:
    return replace(entry, attempts=(*entry.attempts, attempt))


def _nothing(*_args: Any, **_named: Any) -> list[Any]:
    return []


def _all_that_were_seen(journal: Any, _state: Any, month: Any) -> frozenset[str]:
    return frozenset(journal.unresolved.get(str(month), {}))


FLAWS: Mapping[str, Flaw] = {
    "what leaves is not marked": Flaw((ledger,), "begin", _begin_without_marking, "1"),
    "a request is over at once": Flaw((ledger,), "request_over", lambda *_: True, "1"),
    "remainders are forgotten": Flaw(
        (closing,), "remainders_of", lambda *_, **__: Remainders(), "5"
    ),
    "closed months are not looked at": Flaw((find_late_usage,), "closed_lately", _nothing, "6"),
    "differences are not seen": Flaw((report_late_usage,), "differences", _nothing, "6"),
    "every error counts as re-opened": Flaw(
        (merge_usage, closing, months_due), "reopened", _all_that_were_seen, "9"
    ),
}
_ENOUGH = 40


@pytest.mark.parametrize("name", FLAWS)
def test_a_rule_that_is_left_out_breaks_a_promise(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flaw = FLAWS[name]
    for module in flaw.modules:
        monkeypatch.setattr(module, flaw.name, flaw.instead)
    results = (play(seed) for seed in range(_ENOUGH))
    found = next((result.broken for result in results if result.broken), ())
    assert any(text.startswith(f"{flaw.promise}:") for text in found), found
