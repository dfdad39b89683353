"""The bills of many months at once, worked out by DuckDB from the files' text."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import duckdb

from tests.differential.generated_months import GeneratedMonth

# A decimal as text without trailing zeros, and the three ways to a whole number.
_MACROS = """
CREATE MACRO plain(number) AS CASE
    WHEN contains(number::VARCHAR, '.') THEN rtrim(rtrim(number::VARCHAR, '0'), '.')
    ELSE number::VARCHAR END;
CREATE MACRO whole(amount, rounding) AS CASE rounding
    WHEN 'floor' THEN floor(amount) WHEN 'ceiling' THEN ceil(amount) ELSE round(amount) END;
"""
# What is compared, one line of text per fact.
_FACTS = """
SELECT seed, 'records ' || count(*) FROM records GROUP BY seed
UNION ALL
SELECT seed, 'duplicates ' || count(*) FROM ranked WHERE dropped GROUP BY seed
UNION ALL
SELECT seed, concat_ws(' | ', 'dropped', dimension, plain(sum(quantity)))
FROM ranked WHERE dropped GROUP BY seed, dimension HAVING sum(quantity) > 0
UNION ALL
SELECT seed, concat_ws(' | ', 'usage', contract, dimension, plain(total)) FROM totals
UNION ALL
SELECT seed, concat_ws(' | ', 'quantity', contract, dimension, quantity)
FROM quantities WHERE quantity <> '0'
UNION ALL
SELECT seed, concat_ws(' | ', 'remainder', contract, dimension, remainder)
FROM quantities WHERE remainder NOT IN ('0', '-0')
UNION ALL
SELECT seed, concat_ws(' | ', 'quarantined', coalesce(nullif(subscriptionId, ''), '(missing)'),
    dimension, plain(sum(quantity)))
FROM counted WHERE contract IS NULL
GROUP BY seed, subscriptionId, dimension HAVING sum(quantity) > 0
UNION ALL
SELECT seed, 'failed ' || contract FROM inputs WHERE failed
UNION ALL
SELECT DISTINCT seed, 'unbilled ' || dimension FROM totals JOIN plans USING (seed)
WHERE formulas AND total > 0 AND dimension NOT IN
    ('cpu_core_hours', 'replica_hours', 'storage_allocated_byte_hours')
"""


def sql_facts(months: Iterable[GeneratedMonth], folder: Path) -> dict[int, list[str]]:
    """Return what SQL says of every month, by seed."""
    files, plans = folder / "files.ndjson", folder / "plans.ndjson"
    with files.open("w") as to_files, plans.open("w") as to_plans:
        for month in months:
            plan = {
                "seed": month.seed,
                "duplicates": month.plan.duplicates,
                "rounding": month.plan.rounding,
                "formulas": bool(month.plan.dimensions),
            }
            to_plans.write(json.dumps(plan) + "\n")
            for hour, body in month.files:
                row = {"seed": month.seed, "hour": hour, "body": body.decode()}
                to_files.write(json.dumps(row, ensure_ascii=False) + "\n")
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute(_MACROS)
        _load(database, "files", files, {"seed": "BIGINT", "hour": "VARCHAR", "body": "VARCHAR"})
        names = ("duplicates", "rounding")
        columns = {"seed": "BIGINT", "formulas": "BOOLEAN", **dict.fromkeys(names, "VARCHAR")}
        _load(database, "plans", plans, columns)
        database.execute(Path(__file__).with_name("month_totals.sql").read_text())
        found: dict[int, list[str]] = defaultdict(list)
        for seed, fact in database.execute(_FACTS).fetchall():
            found[seed].append(fact)
    return {seed: sorted(facts) for seed, facts in found.items()}


def _load(
    database: duckdb.DuckDBPyConnection, table: str, file: Path, columns: dict[str, str]
) -> None:
    listed = ", ".join(f"{name}: '{kind}'" for name, kind in columns.items())
    reader = f"read_json(?, format = 'newline_delimited', columns = {{{listed}}})"
    database.execute(f"CREATE TABLE {table} AS FROM {reader}", [str(file)])
