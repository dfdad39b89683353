"""ReportUsageSoFar: the running month's total by now, and what is wrong with it already."""

from functions.adapters import month_days, wiring
from functions.domain import formula
from functions.domain.months.closed_month import ClosedMonth
from functions.domain.usage import billing
from functions.domain.usage.fold import Total
from functions.domain.usage.month_usage import MonthUsage
from functions.errors import BadUsage, DaysMissing
from functions.metering.payloads import DaysTask
from functions.payloads import task_handler


@task_handler
def handler(task: DaysTask, _context: object) -> ClosedMonth:
    """Add up the days that are over. Nothing is billed, so what stops a bill is a warning here."""
    plan, total, warnings = task.run.plan, Total(), list[str]()
    try:
        total, usage = month_days.add_up(task.of_days, wiring.state_bucket()), wiring.usage_bucket()
        warnings = month_days.uncovered(task.of_days, total, usage, to_the_end=True)
    except (BadUsage, DaysMissing) as error:
        warnings = [str(error)]
    read = {name for text in plan.dimensions.values() for name in formula.names_in(text)}
    bill = billing.bill(plan, total.groups.items(), exported_before=read)
    found = MonthUsage.of(task.of_days, total, bill, warnings)
    used = formula.exact_sums((group[1], f"{value:f}") for group, value in total.groups.items())
    return ClosedMonth.of(task.month, found, so_far=True, totals=used, report="")
