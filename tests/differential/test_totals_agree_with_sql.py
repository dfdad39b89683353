"""What is billed is what an independent implementation in SQL works out, to the byte."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.differential.generated_months import GeneratedMonth, generated_month
from tests.differential.our_bill import our_facts
from tests.differential.sql_bill import sql_facts

MONTHS = 1_000


def seeds() -> range:
    """Return all months, or the one of DIFFERENTIAL_SEED."""
    one = os.environ.get("DIFFERENTIAL_SEED")
    return range(int(one), int(one) + 1) if one else range(MONTHS)


def test_totals_agree_with_sql(tmp_path: Path, covered: Callable[..., None]) -> None:
    months = [generated_month(seed) for seed in seeds()]
    by_sql = sql_facts(months, tmp_path)
    wrong = [text for month in months if (text := differences(month, by_sql[month.seed]))]
    assert not wrong, "\n".join([f"{len(wrong)} of {len(months)} months differ", *wrong[:5]])
    if len(months) == MONTHS:
        assert sum(len(month.files) for month in months) > 10_000
        assert sum(month.records for month in months) > 100_000
        covered(
            "differential months",
            months=len(months),
            files=sum(len(month.files) for month in months),
            records=sum(month.records for month in months),
        )


def differences(month: GeneratedMonth, by_sql: list[str]) -> str:
    """Return what only one side says of a month, and how to see this month alone."""
    ours, theirs = Counter(our_facts(month)), Counter(by_sql)
    only = [f"ours: {fact}" for fact in (ours - theirs).elements()]
    only += [f"SQL:  {fact}" for fact in (theirs - ours).elements()]
    return "\n  ".join([f"DIFFERENTIAL_SEED={month.seed}", *only[:10]]) if only else ""


def test_both_sides_speak_of_everything_that_a_bill_has(tmp_path: Path) -> None:
    """A comparison of nothing with nothing would agree as well."""
    by_sql = sql_facts([generated_month(seed) for seed in range(30)], tmp_path)
    kinds = {fact.split(" ")[0] for facts in by_sql.values() for fact in facts}
    assert kinds == {
        *("records", "duplicates", "dropped", "usage", "quantity", "remainder", "quarantined"),
        *("failed", "unbilled"),
    }
