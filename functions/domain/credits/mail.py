"""What a credits run mails: which months are posted, which are not, and what to type next."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from functions.domain.credits.credits_report import MonthReport
from functions.domain.mails import Place, execution_link, object_link, start, subject
from functions.domain.templates import render
from functions.domain.wording import counted, some

_MOST, _LONGEST = 60, 20_000  # a file is refused with up to a hundred lines in one text


class Ended(NamedTuple):
    """How a run has ended. `said`: all that it reports, a sentence each. `report`: its key."""

    file: str
    months: Sequence[MonthReport]
    error: str
    said: Sequence[str]
    report: str | None


def mail(execution: str, name: str, ended: Ended, place: Place) -> tuple[str, str]:
    """Return subject and body of a run's mail."""
    failed = [month for month in ended.months if month.error]
    became = "not posted" if all(month.posted is False for month in failed) else "not verified"
    wrong = f"{counted(len(failed), 'month')} of {len(ended.months)} {became}, {ended.error}"
    said = wrong if failed else f"not posted, {ended.error}" if ended.error else "needs review"
    head = f"Credits {ended.file}: {said}"
    body = render(
        Path(__file__).with_name("mail.txt"),
        head=head,
        environment=place.environment,
        file=ended.file,
        run=name,
        status=f"FAILED with {ended.error}" if ended.error else "SUCCEEDED",
        lines=[text[:_LONGEST] for text in some(ended.said, _MOST)],
        steps=list(_steps(execution, ended, place)),
        report=ended.report and object_link(place.bucket, ended.report, place.region),
        link=execution_link(execution),
    )
    return subject(f"[{place.environment}] {head}"), body


def _steps(execution: str, ended: Ended, place: Place) -> Iterator[str]:
    if any(month.error == "DropHeld" for month in ended.months):
        restored = ended.file.startswith("snapshots/")
        what = {"restore": ended.file} if restored else {"bucket": place.bucket, "key": ended.file}
        given = {**what, "accept_shrink": True}
        yield f"post what is held, if it is meant:\n  {start(execution, given)}"
    for month in ended.months:
        if month.undo and (month.posted is not False or not month.error):
            yield f"put {month.billing_month} back:\n  {start(execution, month.undo)}"
    if ended.error:
        yield f"read {place.runbook}, section {ended.error}"
    elif ended.said:
        yield f"read {place.runbook}"
