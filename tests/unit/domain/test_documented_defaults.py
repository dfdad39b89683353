"""The table of plan settings: what a reader finds there is what an absent setting means."""

import re
from pathlib import Path

import pytest

from functions.domain.plan import Plan
from tests.builders import a_plan

PAGE = (Path(__file__).parents[3] / "docs/metering.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (`[^|]+`) \| ([^|]+) \|", PAGE, flags=re.MULTILINE)
SAID = {name: default for names, default in ROWS for name in re.findall(r"`(\w+)`", names)}


def test_every_setting_of_a_plan_is_in_the_table() -> None:
    assert sorted(set(Plan.__struct_fields__) - SAID.keys()) == []


@pytest.mark.parametrize("name", sorted(set(Plan.__struct_fields__) & SAID.keys()))
def test_an_absent_setting_means_what_the_table_says(name: str) -> None:
    said, value = SAID[name].strip(), getattr(a_plan(), name)
    if name in ("service", "environment_type", "plan_id"):
        assert said == "required"
    elif value is None or value == {}:
        assert said.partition(":")[0] == "none"
    else:
        assert said.strip("`") == (str(value).lower() if isinstance(value, bool) else str(value))
