"""The command line, killed while Clazar has a request: nothing is lost, nothing doubled."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.local.partners.clazar.server import ClazarServer
from tests.statemachines.world import AUGUST_2, KEY, PLAN, a_record

ROOT = Path(__file__).parents[2]


class Runner:
    """The local runner as a process of its own, on folders of its own."""

    def __init__(self, folder: Path, clazar_url: str) -> None:
        self.folder, self.url = folder, clazar_url
        prefix = folder / "usage/omnistrate-metering"
        for hour in range(3):
            path = prefix / f"Postgres/PROD/{PLAN['plan_id']}/2025/07/01/{hour:02d}/sub-1.json"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps([a_record(f"c-{n}") for n in range(6)]))
        marker = {KEY: {"last_processed_to": "2025-08-01T02:14:59Z"}}
        (prefix / "last_success_export.json").write_text(json.dumps(marker))
        (folder / "plans.json").write_text(json.dumps([{**PLAN, "start_month": "2025-07"}]))

    def start(self) -> subprocess.Popen[str]:
        folders = [f"--{name}={self.folder / name}" for name in ("usage", "state")]
        options = [
            f"--plans={self.folder / 'plans.json'}",
            "--as-of",
            AUGUST_2,
            "--time-scale=0.01",
        ]
        command = [sys.executable, "-m", "infra.local", "metering", *folders, *options]
        return subprocess.Popen(
            [*command, "--clazar", self.url, "--json"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str]) -> tuple[int, Any]:
        out, _ = process.communicate(timeout=120)
        lines = out.strip().splitlines()
        return process.returncode, json.loads(lines[-1]) if lines else None


@pytest.mark.parametrize(("word", "accepted"), [(signal.SIGKILL, True), (signal.SIGTERM, False)])
def test_a_run_killed_during_a_request_is_completed_by_the_next(
    tmp_path: Path, word: signal.Signals, *, accepted: bool
) -> None:
    victims: list[int] = []

    def kill_once(post: Any) -> None:
        if post.number == 3 and victims:
            os.kill(victims.pop(), word)

    with ClazarServer(refuse_duplicates=False, on_post=kill_once) as clazar:
        clazar.script("c-2", "slow-answer:0.5+ok" if accepted else "slow:0.5+drop")
        runner = Runner(tmp_path, clazar.url)
        process = runner.start()
        victims.append(process.pid)
        code, result = runner.finish(process)
        assert code == (-signal.SIGKILL if word == signal.SIGKILL else 1)
        assert (result or {}).get("status") == (None if word == signal.SIGKILL else "ABORTED")
        code, result = runner.finish(runner.start())
        assert (code, result["status"]) == (0, "SUCCEEDED"), result
        assert set(clazar.accepted_count().values()) == {1}
        assert len(clazar.accepted) == 6
    state = json.loads((tmp_path / "state/metering_state.json").read_text())[KEY]
    assert state["success_contracts"]["2025-07"] == [f"c-{n}" for n in range(6)]


def test_two_runners_on_one_state_folder_send_everything_once(tmp_path: Path) -> None:
    with ClazarServer(refuse_duplicates=False) as clazar:
        runner = Runner(tmp_path, clazar.url)
        first, second = runner.start(), runner.start()
        assert [runner.finish(process)[0] for process in (first, second)] == [0, 0]
        assert set(clazar.accepted_count().values()) == {1}
        assert len(clazar.accepted) == 6
