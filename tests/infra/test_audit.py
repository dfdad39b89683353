import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from infra import ROOT, audit

LOCK = """\
requests==2.31.0 \\
    --hash=sha256:aa
Foo_Bar==1.5 ; python_version < "3.12" \\
    --hash=sha256:bb
"""


def an_advisory(name: str, **affected: Any) -> dict[str, Any]:
    found = {"package": {"ecosystem": "PyPI", "name": name}, **affected}
    return {"id": "GHSA-1", "summary": "leaks", "affected": [found]}


def a_range(*events: dict[str, str]) -> dict[str, Any]:
    return {"ranges": [{"type": "ECOSYSTEM", "events": list(events)}]}


def found(advisory: dict[str, Any]) -> list[str]:
    return list(audit.findings(audit.locked(LOCK), [advisory]))


def test_a_version_that_an_advisory_lists_is_named_with_it() -> None:
    assert found(an_advisory("foo.bar", versions=["1.4", "1.5"])) == ["foo-bar 1.5: GHSA-1: leaks"]
    assert not found(an_advisory("foo.bar", versions=["1.4"]))
    assert not found(an_advisory("another", versions=["1.5"]))


@pytest.mark.parametrize(
    ("events", "affected"),
    [
        (({"introduced": "0"}, {"fixed": "2.32.0"}), True),
        (({"introduced": "0"}, {"fixed": "2.31.0"}), False),
        (({"introduced": "2.9"}, {"last_affected": "2.31.0"}), True),
        (({"introduced": "2.9"}, {"last_affected": "2.30.0"}), False),
        (({"introduced": "2.32.0"},), False),
        (({"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "2.0"}), True),
    ],
)
def test_a_version_within_a_range_is_named(
    events: tuple[dict[str, str], ...], *, affected: bool
) -> None:
    assert bool(found(an_advisory("requests", **a_range(*events)))) is affected


def test_an_advisory_that_was_withdrawn_says_nothing() -> None:
    withdrawn = an_advisory("requests", versions=["2.31.0"]) | {"withdrawn": "2025-01-01T00:00:00Z"}
    assert not found(withdrawn)


def test_both_lock_files_are_read_whole() -> None:
    for name in audit.LOCKS:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert len(audit.locked(text)) == sum(line[0].isalnum() for line in text.splitlines())


def test_the_exit_code_says_whether_anything_was_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "all.zip"
    ours = an_advisory("msgspec", **a_range({"introduced": "0"}))
    for advisory, code in ((an_advisory("not-ours", versions=["1"]), 0), (ours, 1)):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("GHSA-1.json", json.dumps(advisory))
        assert audit.main(str(path)) == code
    assert "GHSA-1" in capsys.readouterr().out
