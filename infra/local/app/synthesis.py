"""The cloud assembly of the working tree, made by `app.py` and kept until its sources change."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from infra import ROOT
from infra.local.lambdas.fork_server import NO_ACCOUNT

CACHE = ROOT / ".cache"
KEPT = 3
"""Assemblies kept for going back and forth between branches."""
SAID = "said.txt"
"""In an assembly: what `app.py` printed when it made it."""

_PATTERNS = (
    *("app.py", "cdk.json", "infra/**/*.py"),
    *("functions/**/*.py", "functions/**/*.html", "functions/**/*.txt"),
    *("statemachines/*", "requirements*.lock"),
)


class SynthesisError(Exception):
    """`app.py` failed; the message holds what it said."""


def synthesized(
    root: Path = ROOT, cache: Path = CACHE, *, starting: Callable[[], None] = lambda: None
) -> Path:
    """The assembly for the tree as it is now, from the cache if nothing has changed."""
    target = cache / f"assembly-{_digest(root)}"
    if not _is_whole(target):
        starting()
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "synth.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_whole(target):  # another run was not faster
                _make(root, target)
    with contextlib.suppress(OSError):
        os.utime(target)
    return target


def _is_whole(assembly: Path) -> bool:
    return (assembly / SAID).is_file()


def _make(root: Path, target: Path) -> None:
    cache = target.parent
    partial = Path(tempfile.mkdtemp(prefix=".synth-", dir=cache))
    try:
        _run_app(root, partial)
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _forget_old(cache, "assembly-*", keep=target)
    _forget_old(cache / "code", "asset.*")


def _sources(root: Path) -> Iterator[Path]:
    not_deployed = {root / "infra" / "local", root / "infra" / "operator"}
    for pattern in _PATTERNS:
        for path in sorted(root.glob(pattern)):
            if path.is_file() and not_deployed.isdisjoint(path.parents):
                yield path


def _digest(root: Path) -> str:
    digest = hashlib.sha256()
    for path in _sources(root):
        body = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()} {len(body)}\n".encode() + body)
    return digest.hexdigest()[:16]


def _run_app(root: Path, out: Path) -> None:
    """Run the app as a person without an account would: an assembly is that of its sources."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CDK_"))}
    ran = subprocess.run(
        [sys.executable, "app.py"],
        cwd=root,
        env={**kept, **NO_ACCOUNT, "CDK_OUTDIR": str(out)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise SynthesisError(f"app.py failed:\n{ran.stdout[-2000:]}{ran.stderr[-4000:]}")
    (out / SAID).write_text(ran.stdout + ran.stderr, encoding="utf-8")


def _forget_old(folder: Path, pattern: str, *, keep: Path | None = None) -> None:
    by_age = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in by_age[KEPT:]:
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)
