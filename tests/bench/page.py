"""The page that the benchmark writes: docs/performance.md."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench.rounds import Figures

_HEAD = """# Performance

Written by `make bench` ({rounds} rounds, medians) on {date} at commit {commit}:
{cpu}, {cores} cores, Python {python}, obstore {obstore}, msgspec {msgspec}. Each figure of
reading and of months is a process of its own on one core; the local engine, credits and imports
are not held to one. The S3 is a loopback server on another core with 20 ms to the first byte and
plain HTTP; each answer is as fast as the next but where it says so. *Before* is what is resident
when the clock starts, *peak* the most of the whole process. Nothing ran on AWS: no TLS, no
throttling, no network. Compare ratios, not seconds, between machines.
"""
_COLUMNS = (
    "| what | wall s | processor s | processor ms each | before MiB | peak MiB |\n"
    "| --- | --- | --- | --- | --- | --- |"
)


class Page:
    """Collects the page and says it on the screen as it grows."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self._lines: list[str] = []

    def title(self, text: str, columns: str = _COLUMNS) -> None:
        self._say(f"\n## {text}\n\n{columns}")

    def row(self, name: str, figures: Figures, count: int) -> None:
        """Add a measured row; `count`: of how many."""
        each = figures.cpu / count * 1000
        self._say(
            f"| {name} | {figures.wall:.2f} | {figures.cpu:.2f} | {each:.3f} | "
            f"{figures.base:.0f} | {figures.peak:.0f} |"
        )

    def cells(self, *cells: object) -> None:
        """Add a row of another table."""
        self._say(f"| {' | '.join(map(str, cells))} |")

    def line(self, text: str) -> None:
        self._say(f"\n{text}")

    def text(self) -> str:
        head = _HEAD.format(
            rounds=self.rounds,
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            commit=_commit(),
            cpu=_processor(),
            cores=os.cpu_count(),
            python=platform.python_version(),
            obstore=version("obstore"),
            msgspec=version("msgspec"),
        )
        return head + "\n".join(self._lines) + "\n"

    def _say(self, text: str) -> None:
        self._lines.append(text)
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
