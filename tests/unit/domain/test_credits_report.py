"""The report of a credits execution: what needs a look stands in its first line."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from functions.domain.credits.contents import Totals
from functions.domain.credits.credits_report import (
    MonthReport,
    alike,
    attention,
    encode,
    superseded,
)
from functions.domain.credits.drop import Source
from functions.domain.credits.file import Repeated
from tests.unit.domain.test_drop import a_drop


def repeated(line: int, kept: str = "1.00", skipped: str = "2.00") -> Repeated:
    return Repeated(line=line, account=f"{line:012d}", kept=[kept], skipped=[skipped])


def a_report(rows: Sequence[Repeated] = (), **fields: Any) -> dict[str, Any]:
    return {"attention": attention(rows), "duplicates": rows, **fields}


def test_rows_written_twice_need_no_attention() -> None:
    assert attention([]) == ""
    assert attention([repeated(3, "1.00", "1.00"), repeated(4, "0.00", "0.00")]) == ""


def test_a_repeated_account_with_another_amount_is_named_by_line_and_account() -> None:
    said = attention([repeated(3, "1.00", "1.00"), repeated(24)])
    assert said.startswith("1 repeated account")
    assert "only the first rows count" in said
    assert said.endswith("line 24 (000000000024: 1.00 counts, 2.00 does not)")
    row = Repeated(line=2, account="1", kept=["1.00"] * 3, skipped=["1.00", "2.00", "3.00"])
    assert attention([row]).endswith("line 2 (1: 1.00 counts, 2.00 does not, …)")


@pytest.mark.parametrize(("count", "rest"), [(5, ""), (6, ", …"), (5_000, ", …")])
def test_many_repeated_accounts_are_counted_and_the_first_five_named(count: int, rest: str) -> None:
    said = attention([repeated(line) for line in range(1, count + 1)])
    assert said.startswith(f"{count:,} repeated accounts")
    assert said.count("line ") == 5
    assert said.endswith(f"line 5 (000000000005: 1.00 counts, 2.00 does not){rest}")


def test_months_with_the_same_rows_are_named_together() -> None:
    months = [("2025-01", "x"), ("2025-02", "y"), ("2025-03", "x"), ("2025-04", "z")]
    assert alike(months) == ["the same rows for 2025-01, 2025-03: was a column copied?"]
    assert alike(months[:2]) == []


def test_the_first_line_of_the_report_says_that_amounts_differ() -> None:
    rows = [repeated(24)]
    first = encode(a_report(rows)).split(b"\n")[0].decode()
    assert first == f'{{"attention": {json.dumps(attention(rows), ensure_ascii=False)},'
    assert encode(a_report()).startswith(b'{"attention": "",\n'), "it is there if none differs"


def test_the_report_is_json_with_every_row_that_was_skipped() -> None:
    rows = [repeated(3, "1.00", "1.00"), repeated(24)]
    month = {"billing_month": "2025-01", "text": "{\n {\n"}
    report = a_report(rows, months=[month], warnings=["{\n line"])
    assert json.loads(encode(report)) == {
        "attention": attention(rows),
        "months": [month],
        "warnings": ["{\n line"],
        "duplicates": [
            {"line": 3, "account": "000000000003", "kept": ["1.00"], "skipped": ["1.00"]},
            {"line": 24, "account": "000000000024", "kept": ["1.00"], "skipped": ["2.00"]},
        ],
    }


SOURCE = Source(kind="upload", key="credits-2025-01.csv", version="v-2", at="2025-08-02T00:00:00Z")
TOTALS = Totals(row_count=3, unique_accounts=3, total_credit_usd="10.00")
HOLDS = "CloudZero holds 3 rows, 10.00 USD of credits"


def a_month(**fields: Any) -> MonthReport:
    return MonthReport(**{"billing_month": "2025-01", "status": "verified", **fields})


def a_failure(error: str, **fields: Any) -> MonthReport:
    return a_month(status="failed", error=error, message="why", **fields)


@pytest.mark.parametrize(
    ("month", "said"),
    [
        (a_month(posted=True, message="verified").holding(TOTALS), f"verified; posted; {HOLDS}"),
        (a_failure("DropHeld").holding(TOTALS), f"DropHeld: why; not posted; {HOLDS}"),
        (
            a_failure("OutcomeUnknown", posted=None),
            "OutcomeUnknown: why; perhaps posted; what CloudZero holds is not known",
        ),
    ],
)
def test_a_month_says_what_was_done_and_what_cloudzero_holds(month: MonthReport, said: str) -> None:
    assert str(month) == f"2025-01: {said}"


@pytest.mark.parametrize(
    ("state", "rows", "taken"),
    [("posting", None, "may have been"), ("posted", None, "was"), ("verified", 3, "was")],
)
def test_a_superseded_month_names_what_is_newer_and_counts_only_what_was_read_back(
    state: Any, rows: int | None, taken: str
) -> None:
    older = replace(SOURCE, key="credits-2025-01_2025-02.csv", version="v-1")
    month = superseded(a_drop(SOURCE, state=state, rows=3), older)
    assert (month.status, month.posted, month.row_count) == ("superseded", False, rows)
    assert month.message == (
        f"credits-2025-01.csv of {SOURCE.at} is newer and {taken} posted; "
        "to post this, upload credits-2025-01_2025-02.csv (version v-1) again"
    )
