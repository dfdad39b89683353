"""A folder that holds a bucket's objects as plain files, one file per key, byte for byte.

The files are the truth between runs: a run that is killed at any point leaves behind exactly the
objects that its writers had been told were stored.

A file is named like its key. Only a part of a key that no file name can hold (S3 allows 1,024
bytes, a file system 255) continues over several levels: `<254 bytes>+/+<the rest>`.
"""

import contextlib
import errno
import fcntl
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

WAIT_SECONDS = 600.0
"""How long a second run waits for the first one on the same folder."""


_PARTIAL = ".billing-partial"
_LONGEST_NAME = 255
_MARK = b"+"  # ends a name of exactly `_LONGEST_NAME` bytes, and begins the one that continues it


class FolderBusy(Exception):
    """Another run held the folder for the whole of the waiting time."""


class BadKey(ValueError):
    """An object key that cannot be a file inside the folder."""


class StateFolder:
    """One folder, held for this process alone until `close`."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path.resolve()
        self._directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        self._numbers = itertools.count()
        # Objects are written elsewhere first: a kill in between leaves nothing foreign in here.
        self._partial = Path(tempfile.mkdtemp(prefix="billing-state-"))

    def lock(self, *, waiting: Callable[[], None], seconds: float = WAIT_SECONDS) -> None:
        """Hold the folder.

        The lock is on the folder itself, so no lock file is left in it, and the kernel lets go of
        it however this process ends.
        """
        deadline, reported = time.monotonic() + seconds, False
        while True:
            try:
                fcntl.flock(self._directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise FolderBusy(f"{self.path} is in use by another run") from None
            else:
                return
            if not reported:
                waiting()
                reported = True
            time.sleep(0.1)

    def close(self) -> None:
        """Let go of the folder."""
        shutil.rmtree(self._partial, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.close(self._directory)

    def objects(self) -> Iterator[tuple[str, Path]]:
        """Every file as (key, path), whatever it is, but for a write of ours that was cut off."""
        for key, path in files_below(self.path):
            if path.name.endswith(_PARTIAL):
                path.unlink()
            else:
                yield key, path

    def file_of(self, key: str) -> Path:
        """The file for a key. A key that is not plainly a path inside the folder is refused."""
        parts = key.split("/")
        if "\0" in key or any(part in {"", ".", ".."} for part in parts):
            raise BadKey(f"the key {key!r} cannot be a file name")
        return self.path.joinpath(*(name for part in parts for name in file_names(part)))

    def write(self, key: str, body: bytes, modified_ns: int | None = None) -> None:
        """Store one object, whole or not at all, with a time that is no coarser than ours.

        By the kernel's own clock for files two writes could be from the same moment.
        """
        target = self.file_of(key)
        partial = self._partial / str(next(self._numbers))
        modified_ns = time.time_ns() if modified_ns is None else modified_ns
        _fill(partial, body, modified_ns)
        try:
            _move(partial, target)
        except OSError as error:
            partial.unlink(missing_ok=True)
            if error.errno != errno.EXDEV:
                raise
            # The folder is on another disk than the temporary files.
            partial = target.with_name(f".{partial.name}{_PARTIAL}")
            _fill(partial, body, modified_ns)
            partial.replace(target)

    def delete(self, key: str) -> None:
        """Forget one object, and the folders that only it needed."""
        target = self.file_of(key)
        target.unlink(missing_ok=True)
        for parent in target.parents:
            if parent == self.path:
                return
            try:
                parent.rmdir()
            except OSError:
                return


def _fill(path: Path, body: bytes, modified_ns: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        view = memoryview(body)
        while view:
            view = view[os.write(descriptor, view) :]
        os.utime(descriptor, ns=(modified_ns, modified_ns))
    finally:
        os.close(descriptor)


def _move(source: Path, target: Path) -> None:
    # Once more if another thread's delete takes the folder away that was made here.
    for _ in range(5):
        try:
            source.replace(target)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
        else:
            return
    source.replace(target)


def files_below(root: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a folder as (key, path), in key order."""
    found = []
    for folder, _, names in os.walk(root):
        relative = os.path.relpath(folder, root)
        prefix = "" if relative == "." else relative.replace(os.sep, "/") + "/"
        found += [(key_of(prefix + name), Path(folder, name)) for name in names]
    return iter(sorted(found))


def file_names(part: str) -> Iterator[str]:
    """Return the names of one part of a key: itself, unless it is too long or looks continued."""
    rest = os.fsencode(part)
    while len(rest) > _LONGEST_NAME or _is_continued(rest):
        yield os.fsdecode(rest[: _LONGEST_NAME - 1] + _MARK)
        rest = _MARK + rest[_LONGEST_NAME - 1 :]
    yield os.fsdecode(rest)


def key_of(path: str) -> str:
    """Return the key that a file below the folder stands for."""
    key = b""
    for before, name in itertools.pairwise(os.fsencode(f"/{path}").split(b"/")):
        goes_on = _is_continued(before) and name.startswith(_MARK)
        key = key[:-1] + name[1:] if goes_on else key + b"/" + name
    return os.fsdecode(key[1:])


def _is_continued(name: bytes) -> bool:
    return len(name) == _LONGEST_NAME and name.endswith(_MARK)
