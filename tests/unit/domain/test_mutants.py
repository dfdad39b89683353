"""The count of mutants: only a killed one counts, and no module is left out of it."""

import io
import tomllib
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

from tests.unit.domain import mutants

ROOT = Path(__file__).parents[3]
GROUPS = {"ledger": ["claim", "lease"], "money": ["amount"]}


def line(name: str, outcome: str) -> str:
    return f"    functions.domain.{name}__mutmut_1: {outcome}"


def test_mutants_are_counted_by_the_group_of_their_module() -> None:
    lines = [
        line("ledger.claim.x_claim", "killed"),
        line("lease.x_over", "survived"),
        line("lease.x\u01c1Lease\u01c1at", "killed"),
        line("amount.x_parse", "no tests"),
    ]
    assert mutants.counted(lines, GROUPS) == {
        "ledger": Counter(killed=2, survived=1),
        "money": Counter({"no tests": 1}),
    }


def test_a_module_without_a_group_is_named() -> None:
    with pytest.raises(ValueError, match=r"^functions\.domain\.plan\.x_key__mutmut_1: add its"):
        mutants.counted([line("plan.x_key", "killed")], GROUPS)


def test_a_mutant_counts_only_if_it_was_killed() -> None:
    assert mutants.share(Counter(killed=9, survived=1)) == 0.9
    assert mutants.share(Counter({"killed": 1, "timeout": 1, "not checked": 2})) == 0.25
    assert mutants.share(Counter()) == 0


def test_a_group_is_reported_in_a_line() -> None:
    found = {"money": Counter({"killed": 7, "survived": 1, "timeout": 1, "not checked": 1})}
    assert mutants.table(found).splitlines()[1].split() == [
        *("money", "10", "7", "1", "1", "1", "70.0%")
    ]


@pytest.mark.parametrize(("survived", "ends"), [(1, 0), (2, 1)])
def test_a_group_below_nine_in_ten_fails_and_survivors_are_named(
    survived: int, ends: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = [line(f"{name}.x_a", "killed") for name in ("claim", "amount", "month")] * 9
    lines = [*killed, *[line("month.x_b", "survived")] * survived]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    assert mutants.main() == ends
    assert capsys.readouterr().out.count("functions.domain.month.x_b__mutmut_1: survived") == (
        survived
    )


def test_every_module_of_the_domain_is_in_one_group_or_left_out_by_name() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    groups = Counter(chain.from_iterable(settings["groups"].values()))
    left_out = {str(ROOT / name) for name in settings["do_not_mutate"]}
    modules = {
        path.stem
        for path in (ROOT / "functions" / "domain").rglob("*.py")
        if str(path) not in left_out and path.stem != "__init__"
    }
    assert groups == Counter(modules)
