from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from infra.local.state_folder import BadKey, FolderBusy, StateFolder

ROOT = Path(__file__).resolve().parents[3]


def test_an_object_is_a_file_of_the_same_name_and_content(state: StateFolder) -> None:
    state.write("ledger/a:b/2025-07/c 1.json", b"\x00\xff")
    assert (state.path / "ledger/a:b/2025-07/c 1.json").read_bytes() == b"\x00\xff"
    assert [key for key, _ in state.objects()] == ["ledger/a:b/2025-07/c 1.json"]


def test_deleting_an_object_leaves_no_empty_folders(state: StateFolder) -> None:
    state.write("a/b/c.json", b"1")
    state.write("a/d.json", b"1")
    state.delete("a/b/c.json")
    assert [path.name for path in (state.path / "a").iterdir()] == ["d.json"]


@pytest.mark.parametrize("key", ["../out", "a/../b", "a//b", "/a", "a/", ".", "a/./b", ""])
def test_a_key_that_is_not_plainly_inside_the_folder_is_refused(
    state: StateFolder, key: str
) -> None:
    with pytest.raises(BadKey):
        state.write(key, b"")


def test_the_second_run_on_a_folder_waits_and_says_so(state: StateFolder) -> None:
    state.lock(waiting=pytest.fail)
    second, told = StateFolder(state.path), threading.Event()

    def end_when_told() -> None:
        told.wait(5)
        state.close()

    threading.Thread(target=end_when_told).start()
    second.lock(waiting=told.set, seconds=10)
    assert told.is_set()
    second.close()


def test_waiting_for_a_folder_has_an_end(state: StateFolder) -> None:
    state.lock(waiting=pytest.fail)
    second = StateFolder(state.path)
    with pytest.raises(FolderBusy):
        second.lock(waiting=lambda: None, seconds=0.2)
    second.close()


KILLED = """
import sys
from pathlib import Path
from infra.local.account import LocalAccount
from infra.local.assembly import read_stack
from infra.local.state_folder import StateFolder
from tests.unit.local.tiny_app import write_assembly

folder = Path(sys.argv[1])
handler = '''
import os, time, boto3
s3 = boto3.client("s3")
def handler(event, context):
    for number in range(100000):
        s3.put_object(Bucket=os.environ["STATE_BUCKET"], Key=f"n/{number}", Body=str(os.getpid()))
        print("told", number, flush=True)
'''
(folder / "assembly").mkdir()
task = {"Type": "Task", "Resource": "${write}", "End": True}
write_assembly(folder / "assembly", handlers={"write": handler},
               definition={"StartAt": "A", "States": {"A": task}})
with (folder / "log").open("wb") as log:
    stack = read_stack(folder / "assembly", stage="dev", name="tiny")
    account = LocalAccount(stack, cache=folder / "cache", log=log)
    state = StateFolder(folder / "state")
    state.lock(waiting=lambda: None)
    account.use(state=state)
    account.run({})
"""


def test_a_killed_runner_leaves_every_object_it_confirmed_and_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    runner = subprocess.Popen(command, cwd=ROOT)
    log, state = tmp_path / "log", tmp_path / "state"
    deadline = time.monotonic() + 20
    while not (log.exists() and b"told 20" in log.read_bytes()):
        assert time.monotonic() < deadline
        assert runner.poll() is None
        time.sleep(0.02)
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait(5)
    function = int((state / "n/0").read_text())
    while Path(f"/proc/{function}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    told = log.read_text().splitlines()
    assert told
    for line in told:
        assert (state / "n" / line.removeprefix("told ")).read_text() == str(function)
    assert [path.name for path in state.iterdir()] == ["n"]
    StateFolder(state).lock(waiting=pytest.fail, seconds=5)
