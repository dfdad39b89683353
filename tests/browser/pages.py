"""Every kind of page with much in it, of which a part is hostile."""

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec.structs import replace

from functions.domain.credits import credits_report
from functions.domain.credits.credits_report import MonthReport
from functions.domain.credits.file import Repeated
from functions.domain.months.late_usage import Difference, LateUsage
from functions.domain.months.movements import movements, usage_of
from functions.domain.months.preview import Preview, draft
from functions.domain.months.report_page import page
from functions.domain.months.totals import History, MonthTotals, totals
from functions.domain.usage.bill import ContractBill, MonthBill, Quarantined
from tests.builders import a_plan, month_usage
from tests.unit.domain.test_report_page import a_report, a_row, refused

ROOT = Path(__file__).parents[2]
HOSTILE = "<script>document.title = 'owned'</script>"
ID = "ae641bd1-0a51-4c2b-9d0a-{:012d}"
BYTES, LARGE = "storage_allocated_byte_hours", str(26_577_000_000_000)


def month() -> bytes:
    """July with refused contracts, and one that is named by a stranger."""
    rows = [
        a_row(ID.format(number), name, LARGE)
        for number in range(60)
        for name in ("cpu_core_hours", BYTES)
    ]
    rows += [refused(HOSTILE), refused("z")]
    less = {BYTES: "25000000000000"}
    june = {**usage_of(rows[:100]), HOSTILE: {BYTES: LARGE}, ID.format(7): less}
    months = [MonthTotals(month=f"2025-0{n}", usage={BYTES: str(n * 10**14)}) for n in range(1, 7)]
    history = History(months=months).followed_by("2025-07", totals(rows))
    report = a_report(
        rows,
        warnings=[HOSTILE],
        checks=[HOSTILE],
        before="2025-06",
        history=history,
        movements=movements(june, usage_of(rows), history),
    )
    return page(report)


def preview() -> bytes:
    """A draft invoice with a new dimension, one that is gone, and a formula that fails."""
    previews = [
        Preview(
            contract_id=ID.format(number),
            records=[{"dimension": BYTES, "quantity": LARGE}],
            usage={BYTES: LARGE},
            carried={},
            remainders={BYTES: "0.5"},
            failure=None,
        )
        for number in range(60)
    ]
    failing = Preview(
        contract_id=HOSTILE, records=[], usage={}, carried={}, remainders={}, failure="1 / 0"
    )
    bill = MonthBill(
        contracts=[
            ContractBill(contract_id=p.contract_id, usage={}, quantities={BYTES: LARGE})
            for p in previews
        ],
        quarantined=[],
        unbilled_dimensions=[],
    )
    before = MonthTotals(month="2025-06", usage={"cpu_core_hours": "4"})
    now = MonthTotals.of("2025-07", bill)
    usage = replace(month_usage(bill), warnings=[HOSTILE], checks=[HOSTILE])
    return draft(a_plan(), [*previews, failing], usage, now, before).html()


def late_usage() -> bytes:
    """Usage that came after its month was billed."""
    found = Difference(
        contract_id=HOSTILE, dimension=BYTES, billed=LARGE, now="0", difference=f"-{LARGE}"
    )
    held = Quarantined(subscription="sub-1", dimension=BYTES, quantity="4")
    return (
        LateUsage(
            plan="S:E:P",
            month="2025-07",
            execution="arn:aws:states:eu-central-1:123456789012:execution:prod-metering:x-1",
            generated_at="2025-08-04T01:31:00Z",
            days=["03", "14"],
            differences=[found] * 60,
            not_compared=["c-1: settled by an operator"],
            never_billed=[HOSTILE],
            quarantined=[held],
        )
        .page()
        .html()
    )


def credits_() -> bytes:
    """A file of two months, of which one is held."""
    good = MonthReport(
        billing_month="2025-01",
        status="verified",
        posted=True,
        row_count=15_000,
        unique_accounts=15_000,
        total_credit_usd="122727.23",
        drop_id="9d613df6-5a08-4cb0-9f55-af3cf7df4995",
    )
    bad = MonthReport(
        billing_month="2025-02", status="failed", error="DropHeld", message=f"too little {HOSTILE}"
    )
    repeated = [Repeated(line=4, account="000123456789", kept=["5.00"], skipped=["6.00"])]
    return credits_report.page("credits-2025-01_2025-02.csv", [good, bad], [], repeated).html()


PAGES: Mapping[str, Callable[[], bytes]] = {
    "month": month,
    "preview": preview,
    "late-usage": late_usage,
    "credits": credits_,
}
