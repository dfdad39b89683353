"""Known vulnerabilities of the locked Python packages, from a file of advisories: works offline.

The file is what osv.dev publishes of PyPI, a zip with one JSON document per advisory.
"""

import json
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from infra import ROOT

LOCKS = ("requirements.lock", "requirements-lambda.lock")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def locked(text: str) -> set[tuple[str, str]]:
    """Return the packages of a lock file, each with its version."""
    return {(_normal(name), version) for name, version in _PIN.findall(text)}


def findings(
    packages: Iterable[tuple[str, str]], advisories: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield a line for every locked version that an advisory names."""
    versions: dict[str, set[str]] = {}
    for name, version in packages:
        versions.setdefault(name, set()).add(version)
    for advisory in advisories:
        for affected in () if advisory.get("withdrawn") else advisory.get("affected", ()):
            name = _normal(affected.get("package", {}).get("name", ""))
            for version in sorted(versions.get(name, ())):
                if _is_affected(version, affected):
                    said = advisory.get("summary") or advisory.get("details", "")
                    yield f"{name} {version}: {advisory['id']}: {said.partition(chr(10))[0]}"


def read(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the advisories of a zip."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                yield json.loads(archive.read(name))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_affected(version: str, affected: Mapping[str, Any]) -> bool:
    """Return True if the version is listed or in a range; one that cannot be compared counts."""
    if version in affected.get("versions", ()):
        return True
    ranges = [found for found in affected.get("ranges", ()) if found.get("type") == "ECOSYSTEM"]
    try:
        return any(_is_within(Version(version), found.get("events", ())) for found in ranges)
    except InvalidVersion:
        return True


def _is_within(version: Version, events: Iterable[Mapping[str, str]]) -> bool:
    """Return True if the last event up to this version is an introduction."""
    inside = False
    for event in events:
        ((what, at),) = event.items()
        bound = Version("0" if at == "0" else at)
        if what == "introduced" and version >= bound:
            inside = True
        elif (what == "fixed" and version >= bound) or (
            what == "last_affected" and version > bound
        ):
            inside = False
    return inside


def main(advisories: str) -> int:
    """Print what is found; 1 if anything is."""
    packages = set().union(*(locked((ROOT / name).read_text(encoding="utf-8")) for name in LOCKS))
    found = sorted(set(findings(packages, read(Path(advisories)))))
    nothing = f"{len(packages)} locked packages, no known vulnerability"
    sys.stdout.write("\n".join(found or [nothing]) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
