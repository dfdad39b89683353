import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import ROOT
from infra.local.aws import state_folder
from infra.local.aws.state_folder import BadKey, FolderBusy, StateFolder


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


# Longer than any file name may be, and such as a split of another key could be mistaken for.
LONG_KEYS = [
    *(f"ledger/2025-07/{'a' * 400}.json", f"ledger/2025-07/{'a' * 400}/attempts.json"),
    *(f"{'a' * 254}+/{'a' * 146}.json", f"{'b' * 254}+", f"{'a' * 254}..", f"{'c' * 254}+/a/+a"),
    *("a" * 509, "a" * 255, "ä" * 300, "+" * 1024),
]


@pytest.mark.parametrize("key", LONG_KEYS)
def test_an_object_whose_key_no_file_name_can_hold_is_kept_under_its_key(
    state: StateFolder, key: str
) -> None:
    state.write(key, b"1")
    assert [found for found, _ in state.objects()] == [key]
    (path,) = (path for _, path in state.objects())
    assert path == state.file_of(key)
    assert path.read_bytes() == b"1"
    state.delete(key)
    assert list(state.path.iterdir()) == []


def test_long_keys_live_beside_each_other_and_are_listed_in_key_order(state: StateFolder) -> None:
    keys = {*LONG_KEYS, "ledger/2025-07/aa.json", "ledger/2025-07/b.json", "ledger/2025-07-b.json"}
    for key in keys:
        state.write(key, key.encode())
    found = list(state.objects())
    assert [key for key, _ in found] == sorted(keys)
    assert all(path.read_bytes() == key.encode() for key, path in found)


def test_a_key_that_a_file_name_can_hold_is_never_split(state: StateFolder) -> None:
    key = f"a+/{'+' * 254}/{'a' * 255}"
    state.write(key, b"1")
    assert state.file_of(key) == state.path / key


_PARTS = st.builds(
    lambda start, length, end: start * length + end,
    st.sampled_from(["a", "+", "ä", "a+"]),
    st.integers(1, 600) | st.integers(250, 260),
    st.sampled_from(["", "+", "a", ".", ".."]),
)
_KEYS = st.lists(_PARTS, min_size=1, max_size=3).map("/".join)


@given(_KEYS)
def test_the_names_of_any_key_can_be_stored_and_lead_back_to_it(key: str) -> None:
    names = [name for part in key.split("/") for name in state_folder.file_names(part)]
    assert all(name not in ("", ".", "..") for name in names)
    assert all(len(os.fsencode(name)) <= 255 for name in names)
    assert state_folder.key_of("/".join(names)) == key


@pytest.mark.parametrize("key", ["c-1.json", "a" * 255, "a" * 1024])
def test_a_folder_on_another_disk_holds_the_same_keys(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    def refuse(_: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(state_folder, "_move", refuse)
    state.write(key, b"1")
    assert [(found, path.read_bytes()) for found, path in state.objects()] == [(key, b"1")]


def test_the_second_run_on_a_folder_waits_and_says_so(state: StateFolder) -> None:
    state.lock(waiting=pytest.fail)
    second, reported = StateFolder(state.path), threading.Event()

    def end_when_told() -> None:
        reported.wait(5)
        state.close()

    threading.Thread(target=end_when_told).start()
    second.lock(waiting=reported.set, seconds=10)
    assert reported.is_set()
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
from infra.local.aws.state_folder import StateFolder
from tests.unit.local.tiny_app import tiny_stack

folder = Path(sys.argv[1])
handler = '''
import os, time, boto3
s3 = boto3.client("s3")
def handler(event, context):
    for number in range(100000):
        s3.put_object(Bucket=os.environ["STATE_BUCKET"], Key=f"n/{number}", Body=str(os.getpid()))
        os.write(1, (str(number) + os.linesep).encode())
'''
task = {"Type": "Task", "Resource": "${write}", "End": True}
stack = tiny_stack(folder, {"write": handler}, {"StartAt": "A", "States": {"A": task}})
with (folder / "log").open("wb") as log:
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
    while not (log.exists() and b"20\n" in log.read_bytes()):
        assert time.monotonic() < deadline
        assert runner.poll() is None
        time.sleep(0.02)
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait(5)
    function = int((state / "n/0").read_text())
    while Path(f"/proc/{function}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    confirmed = log.read_text().splitlines()
    assert confirmed
    for number in confirmed:
        assert (state / "n" / number).read_text() == str(function)
    assert [path.name for path in state.iterdir()] == ["n"]
    StateFolder(state).lock(waiting=pytest.fail, seconds=5)
