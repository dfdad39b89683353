"""A state folder is continued with the Clazar that it was billed at, or not at all."""

import re
from pathlib import Path
from typing import NoReturn

import pytest

from infra.local.cli import metering_command
from infra.local.cli.arguments import BadArgument
from infra.local.cli.metering_command import Folders, bill_usage, billed_at
from infra.local.partners.clazar.server import ClazarServer
from tests.unit.metering.whole_month import WholeMonth
from tests.unit.operator.typed import options

ELSEWHERE = "https://api.clazar.example"
AS_OF = "2025-08-02T00:00:00Z"


def folders(tmp_path: Path) -> Folders:
    world = WholeMonth()
    world.put_usage("2025-07", None, {"c-1": {"cpu": 7}})
    _, state, _, usage, _, plans = options(world, tmp_path)
    return Folders(Path(usage), Path(state), Path(plans))


def bill(given: Folders, clazar: str | None, *, dry_run: bool = False) -> str:
    asked = {"as_of": AS_OF, "dry_run": dry_run}
    ran = bill_usage(asked, given, clazar, time_scale=0.001, as_json=True)
    return str(ran["status"])


def begins(given: Folders, clazar: str | None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Bill up to where the pipeline would be loaded; return at which Clazar."""
    begun = []

    def open_metering(clazar: str, **_: object) -> NoReturn:
        begun.append(clazar)
        raise InterruptedError

    monkeypatch.setattr(metering_command, "open_metering", open_metering)
    with pytest.raises(InterruptedError):
        bill(given, clazar)
    return begun


def test_what_the_built_in_clazar_took_is_never_continued_with_a_real_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = folders(tmp_path)
    assert bill(given, None) == "SUCCEEDED"
    assert billed_at(given.state) is None
    with pytest.raises(BadArgument) as refused:
        bill(given, ELSEWHERE)
    built_in = "was run against the built-in Clazar, which bills nothing"
    to_do = f"for {ELSEWHERE} use another --state folder"
    assert str(refused.value) == f"--state {given.state} {built_in}; {to_do}"
    assert begins(given, None, monkeypatch)


def test_after_a_dry_run_with_the_built_in_clazar_a_folder_is_billed_anywhere(
    tmp_path: Path,
) -> None:
    given = folders(tmp_path)
    assert bill(given, None, dry_run=True) == "SUCCEEDED"
    with ClazarServer() as clazar:
        assert bill(given, clazar.url) == "SUCCEEDED"
        assert len(clazar.accepted) == 1
        assert billed_at(given.state) == clazar.url


@pytest.mark.parametrize(
    ("known", "then"),
    [
        *(("https://other.clazar.example", ELSEWHERE), ("http://127.0.0.1:8080", ELSEWHERE)),
        *((ELSEWHERE, "http://[::1]:8080"), (ELSEWHERE, None), ("http://localhost:8080", None)),
    ],
)
def test_a_folder_is_not_continued_elsewhere(tmp_path: Path, known: str, then: str | None) -> None:
    (tmp_path / "clazar-url").write_text(known)
    to_do = f"for {then} use another --state folder" if then else f"add --clazar {known}"
    with pytest.raises(BadArgument, match=rf"was run against .*; {re.escape(to_do)}$"):
        bill(Folders(tmp_path, tmp_path), then)


@pytest.mark.parametrize(
    ("known", "then"),
    [
        *(("http://127.0.0.1:1", "http://localhost:2"), ("http://localhost:1", "http://[::1]:2")),
        *(("http://[::1]:1", "http://127.0.0.1:2"), (ELSEWHERE, f"{ELSEWHERE}:443/v1")),
    ],
)
def test_servers_of_this_machine_and_paths_of_a_host_are_the_same_clazar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: str, then: str
) -> None:
    (tmp_path / "clazar-url").write_text(known)
    assert begins(Folders(tmp_path, tmp_path), then, monkeypatch) == [then]
