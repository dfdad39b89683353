"""docs/guarantees.md names tests; every one of them exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[^`:]+)?(?:::(test_\w+))?`")


def named() -> Iterator[tuple[str, str]]:
    """Yield a path and the name of a test, empty where a whole file is meant."""
    for line in (ROOT / "docs/guarantees.md").read_text().splitlines():
        path = ""
        for found in NAMED.finditer(line):
            path = found[1] or path
            if path:
                yield path, found[2] or ""


def test_the_document_names_tests() -> None:
    assert len(set(named())) > 60


@pytest.mark.parametrize(("path", "test"), sorted(set(named())))
def test_every_named_test_exists(path: str, test: str) -> None:
    files = sorted(ROOT.glob(path))
    assert files, f"{path} is not there"
    if test:
        assert any(f"def {test}(" in file.read_text() for file in files), f"{path} has no {test}"
