"""Usage of recent months that no contract is billed for, in a sentence each."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

import msgspec

from functions.adapters import keys
from functions.adapters.books import Books
from functions.adapters.objects import Objects
from functions.domain.formula import exact_text
from functions.domain.month import Month
from functions.domain.months.late_usage import Difference
from functions.domain.months.report_rows import UNREAD, Input
from functions.domain.usage.bill import Quarantined
from functions.domain.usage.usage_files import digest
from functions.domain.wording import counted, number, some
from infra.local.cli.wording import billing
from infra.operator.month_files import list_days

_MOST_FILES, _NAMED = 20_000, 3


class NotBilled(msgspec.Struct, kw_only=True):
    """Usage that no contract is billed for, and the command that comes next, if there is one."""

    text: str
    command: str = ""


class _Late(msgspec.Struct):
    """What is read of a month's late usage."""

    differences: list[Difference]
    quarantined: list[Quarantined]
    never_billed: list[str] = []


class _Reported(msgspec.Struct):
    """What is read of a month's report."""

    quarantined: list[Quarantined]
    inputs: list[Input]
    hours: int = 0


T = TypeVar("T")


def not_billed(
    books: Books, usage: Objects | None, months: Iterable[Month], where: str
) -> Iterator[NotBilled]:
    """Yield what reports say of the months, and what their files say now.

    `where`: the options of the plan's place.
    """
    for month in months:
        run, compare = (billing(f"{verb} {month}", where) for verb in ("run --month", "reconcile"))
        for text, command in _of_month(books, month, run):
            yield NotBilled(text=f"{month}: {text}", command=command)
        if changed := _changed(books, usage, month):
            yield NotBilled(text=f"{month}: {changed}; of whom and by how much:", command=compare)


def _of_month(books: Books, month: Month, run: str) -> Iterator[tuple[str, str]]:
    """Yield what a month's reports say, with the command that comes next, if there is one."""
    folder = keys.report(books.plan, month)
    late = _read(books.objects, f"{folder}late-usage.json", _Late)
    reported = _read(books.objects, f"{folder}report.json", _Reported)
    if reported and 0 < reported.hours < month.hours:
        yield f"when it was billed, {reported.hours} of {month.hours} hours had usage files", ""
    if held := late.quarantined if late else reported.quarantined if reported else []:
        total = _total((one.dimension, one.quantity) for one in held)
        of = _named({one.subscription for one in held}, "subscription")
        text = (
            f"usage without a payer is not billed: {total} of {of}; set the payer in "
            "Omnistrate, have the files exported again; a contract without a bill is billed by:"
        )
        yield text, run
    if total := _total(_unread(reported) if reported else ()):
        yield f"usage that no formula reads is not billed: {total}", ""
    if late and (changes := _changes(late)):
        yield f"usage that changed after it was billed is not billed: {changes}", ""
    if late and late.never_billed:
        who = ", ".join(some(late.never_billed, _NAMED))
        yield f"never billed: {who}; bill them, if nobody has:", run


def _named(names: Collection[str], what: str) -> str:
    return f"{counted(len(names), what)}: {', '.join(some(sorted(names), _NAMED))}"


def _changes(late: _Late) -> str:
    billed = [one for one in late.differences if one.contract_id not in late.never_billed]
    names = {one.contract_id for one in billed}
    changes = [(one.dimension, one.difference) for one in billed]
    more = _total((n, text) for n, text in changes if not text.startswith("-"))
    less = _total((n, text[1:]) for n, text in changes if text.startswith("-"))
    total = " and ".join(filter(None, (more and f"{more} more", less and f"{less} less")))
    of = _named(names, "contract")
    return f"{total} of {of}; settle it with the customer, no run sends it" if names else ""


def _read(objects: Objects, key: str, kind: type[T]) -> T | None:
    """Return a document; one that cannot be read must not hide what is open."""
    stored = objects.read(key)
    try:
        return msgspec.json.decode(stored.body, type=kind) if stored else None
    except msgspec.DecodeError:
        return None


def _total(amounts: Iterable[tuple[str, str]]) -> str:
    found = defaultdict[str, Fraction](Fraction)
    for name, text in amounts:
        found[name] += Fraction(text)
    totals = (f"{_short(total)} {name}" for name, total in sorted(found.items()))
    return ", ".join(some(totals, _NAMED))


def _short(total: Fraction) -> str:
    exact = exact_text(total)
    return f"about {number(exact_text(round(total, 2)))}" if "/" in exact else number(exact)


def _unread(reported: _Reported) -> Iterator[tuple[str, str]]:
    """Yield usage that no formula of its month reads."""
    return ((one.dimension, one.usage) for one in reported.inputs if one.note == UNREAD)


def _changed(books: Books, usage: Objects | None, month: Month) -> str:
    """Name the days that have other files than those that were billed, or reported since."""
    billed = books.manifest(month).read()
    if usage is None or billed is None:
        return ""
    listed = list(usage.list(keys.usage_prefix(books.plan, month), limit=_MOST_FILES + 1))
    if len(listed) > _MOST_FILES:
        return f"not compared: more than {number(str(_MOST_FILES))} files"
    of_days, _ = list_days(books.plan, month, listed, month.end)
    found = {name: digest(files) for name, files in of_days.items()}
    known = billed.value.days if billed.value.reported is None else billed.value.reported
    names = sorted(n for n in known.keys() | found if known.get(n) != found.get(n))
    days = ", ".join(some(names, 10))
    return f"files of these days came, changed or went since the last run: {days}" if names else ""
