"""What a command shows while it works: something at once on a terminal, lines in a pipe."""

import os
import pty
import select
import subprocess
import sys
import time

import pytest

from infra import ROOT
from infra.local.cli.steps import Steps

SLOW = """
import time
from infra.local.cli.steps import Steps
with Steps() as steps:
    steps.step("synthesizing")
    time.sleep(2.2)
    steps.report("FoldDays", 1, 31)
    time.sleep(0.3)
"""


def read_for(descriptor: int, seconds: float) -> bytes:
    """Return what a terminal shows within a time; nothing more once the process has ended."""
    found, until = b"", time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            break
        try:
            found += os.read(descriptor, 65_536)
        except OSError:  # the other end is closed
            break
    return found


def test_a_terminal_is_never_silent_for_two_seconds() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen([sys.executable, "-c", SLOW], cwd=ROOT, stderr=theirs, env=environment):
        os.close(theirs)
        assert select.select([ours], [], [], 20)[0], "the program never began"
        shown = b""
        for _ in range(2):  # the second second is still the first step: the line has to move
            within = read_for(ours, 0.8)
            assert within
            shown += within
        shown += read_for(ours, 10)
    os.close(ours)
    assert b"synthesizing" in shown
    assert b"adding up days 1/31" in shown


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[bytes]:
    usage = tmp_path_factory.mktemp("usage")
    words = ("metering", "--usage", str(usage), "--input", '{"odd": 1}')
    command = [sys.executable, "-m", "infra.local", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, check=False)


def test_a_pipe_gets_lines_and_no_escape_codes(failed: subprocess.CompletedProcess[bytes]) -> None:
    assert b"\x1b" not in failed.stdout + failed.stderr
    assert b"\r" not in failed.stderr
    said = failed.stderr.decode().splitlines()
    assert {"loading the app", "starting the functions", "AcquirePlan"} <= set(said)


def test_a_run_of_metering_that_failed_ends_with_where_to_read_what_to_do(
    failed: subprocess.CompletedProcess[bytes],
) -> None:
    assert failed.returncode == 1, failed.stderr
    assert failed.stdout.splitlines()[-1] == b'What to do: docs/runbook.md, "BadInput"'


def test_a_pipe_is_shown_a_count_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    with Steps() as steps:
        steps.part("credits-2025-07.csv (1/2)")
        steps.report("ParseCredits", 0, 0)
        steps.part("")
        for ended in range(1, 32):
            steps.report("FoldDays", ended, 31)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "credits-2025-07.csv (1/2): checking the file"
    assert said[-1] == "adding up days 31/31"
    assert len(said) < 5
