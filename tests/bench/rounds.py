"""Runs measures in turn, each in a fresh process, and takes the median."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from tests.bench.loopback_s3 import settings

_LONGEST = 1_800
_USED = ("wall", "cpu", "base", "peak")


class Figures(NamedTuple):
    """Medians: wall and processor seconds, resident MiB before and at most. `last`: a whole one."""

    wall: float
    cpu: float
    base: float
    peak: float
    last: Mapping[str, Any]

    def did(self, what: str) -> int:
        return int(self.last[what])


def measure(runs: Mapping[str, Sequence[str]], url: str, rounds: int) -> dict[str, Figures]:
    """Run every measure once per round; what one does must not depend on the round."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, arguments in runs.items():
            found[name].append(_run(arguments, url))
    return {name: _figures(results) for name, results in found.items()}


def _run(arguments: Sequence[str], url: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.measures", *arguments]
    done = subprocess.run(
        command,
        env={**os.environ, **settings(url), "POWERTOOLS_LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _figures(results: Sequence[dict[str, Any]]) -> Figures:
    counts = [{name: found for name, found in one.items() if name not in _USED} for one in results]
    if any(count != counts[0] for count in counts):
        raise SystemExit(f"a measure has not done the same each time: {counts}")
    wall, cpu, base, peak = (median(result[name] for result in results) for name in _USED)
    return Figures(wall, cpu, base, peak, counts[0])
