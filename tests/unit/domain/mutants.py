"""Counts what the unit tests noticed of the mutants, by group; 1 if a group is below its share.

Reads `mutmut results --all true` from the standard input. The groups are in pyproject.toml.
"""

import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

LEAST = 0.9
_SHOWN = ("killed", "survived", "timeout")

Groups = Mapping[str, Iterable[str]]


def counted(lines: Iterable[str], groups: Groups) -> dict[str, Counter[str]]:
    """Return what became of each group's mutants; ValueError for a module that has no group."""
    group_of = {module: group for group, modules in groups.items() for module in modules}
    found = {group: Counter[str]() for group in groups}
    for line in lines:
        name, _, outcome = line.strip().partition(": ")
        module = name.removeprefix("functions.domain.").rpartition(".")[0].rpartition(".")[2]
        if module not in group_of:
            raise ValueError(f"{name}: add its module to a group of [tool.mutmut.groups]")
        found[group_of[module]][outcome] += 1
    return found


def share(outcomes: Counter[str]) -> float:
    """Return the part that was killed; whatever else became of a mutant, it was not."""
    return outcomes["killed"] / outcomes.total() if outcomes else 0


def table(found: Mapping[str, Counter[str]]) -> str:
    """Write a line per group."""
    rows = [f"{'':10}{'mutants':>9}{'killed':>9}{'survived':>9}{'timeout':>9}{'other':>9}"]
    for group, outcomes in found.items():
        shown = [outcomes[name] for name in _SHOWN]
        numbers = (outcomes.total(), *shown, outcomes.total() - sum(shown))
        rows.append(
            f"{group:10}{''.join(f'{number:9}' for number in numbers)}{share(outcomes):8.1%}"
        )
    return "\n".join(rows)


def main() -> int:
    """Print the survivors and the table."""
    lines = sys.stdin.read().splitlines()
    groups = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]["groups"]
    found = counted(lines, groups)
    sys.stdout.writelines(f"{line}\n" for line in lines if not line.endswith(": killed"))
    sys.stdout.write(f"{table(found)}\n")
    return int(any(share(outcomes) < LEAST for outcomes in found.values()))


if __name__ == "__main__":
    sys.exit(main())
