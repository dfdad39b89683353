"""The cloud assembly of the working tree, made by `app.py` and kept until its sources change."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from infra import ROOT

CACHE = ROOT / ".cache"
KEPT = 3
"""Assemblies kept for going back and forth between branches."""

_PATTERNS = (
    "app.py",
    "cdk.json",
    "infra/**/*.py",
    "functions/**/*.py",
    "functions/**/*.html",
    "functions/**/*.txt",
    "statemachines/*",
    "requirements*.lock",
)


class SynthesisError(Exception):
    """`app.py` failed; the message holds what it said."""


def synthesized(
    root: Path = ROOT, cache: Path = CACHE, *, starting: Callable[[], None] = lambda: None
) -> Path:
    """The assembly for the tree as it is now, from the cache if nothing has changed."""
    target = cache / f"assembly-{_digest(root)}"
    if not target.is_dir():
        starting()
        cache.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".synth-", dir=cache))
        try:
            _run_app(root, partial)
            # Another run may have been faster: both wrote the same.
            with contextlib.suppress(OSError):
                partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        _forget_old(cache, "assembly-*", keep=target)
        _forget_old(cache / "code", "asset.*")
    with contextlib.suppress(OSError):
        os.utime(target)
    return target


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
    ran = subprocess.run(
        [sys.executable, "app.py"],
        cwd=root,
        env={**os.environ, "CDK_OUTDIR": str(out)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise SynthesisError(f"app.py failed:\n{ran.stdout[-2000:]}{ran.stderr[-4000:]}")


def _forget_old(folder: Path, pattern: str, *, keep: Path | None = None) -> None:
    by_age = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in by_age[KEPT:]:
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)
