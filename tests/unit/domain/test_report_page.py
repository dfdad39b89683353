"""The page of a month: trouble first, totals against last month, nothing that runs."""

from fractions import Fraction
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.months.report import Report
from functions.domain.months.report_page import human, page, sparkline
from functions.domain.months.report_rows import Row
from functions.domain.months.totals import History, MonthTotals, change, totals
from functions.domain.wording import number

ID = "ae641bd1-0a51-4c2b-9d0a-{:012d}"
DIMENSIONS = ("cpu_core_hours", "memory_byte_hours", "storage_allocated_byte_hours")


def a_row(contract: str, dimension: str = "cpu", due: str = "4", **changes: Any) -> Row:
    money = {"usage": due, "carried_in": "0", "due": due, "billed": due, "open": "0"}
    given = {**money, "waived": "0", "remainder": "0", "outcome": "accepted"}
    return Row(contract_id=contract, dimension=dimension, **{**given, **changes})


def refused(contract: str, **changes: Any) -> Row:
    why = {"code": "UNKNOWN_CONTRACT", "message": "unknown contract"}
    return a_row(contract, **{"billed": "0", "open": "4", "outcome": "refused", **why, **changes})


def a_report(rows: list[Row], **changes: Any) -> Report:
    about: dict[str, Any] = {
        "summary": {"text": "July 2025, Postgres: 1 of 2 contracts billed, 1 refused"},
        "plan": "Postgres:PROD:pt-1",
        "month": "2025-07",
        "until": None,
        "execution": "arn:aws:states:eu-central-1:123456789012:execution:prod-metering:x-1",
        "generated_at": "2025-08-01T01:31:00Z",
        "closed": True,
        "files": 744,
        "records": 2_232,
        "duplicate_records": 0,
        "duplicate_quantity": {},
        "warnings": [],
        "quarantined": [],
        "file_totals": {},
        "inputs": [],
    }
    return Report(rows=rows, **{"totals": totals(rows), **about, **changes})


def html_of(report: Report) -> str:
    return page(report).decode()


class Balanced(HTMLParser):
    """Raises if a tag is closed that is not open."""

    VOID = ("meta", "br", "polyline", "link")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_what_needs_an_operator_comes_first_with_the_command_that_settles_it() -> None:
    html = html_of(a_report([a_row("a"), refused("z")]))
    trouble, table = html.index("What needs an operator"), html.index("<h2>Contracts</h2>")
    assert trouble < html.index("<h2>Totals</h2>") < table
    assert (
        html.index("<strong>z</strong>: cpu 4 refused. UNKNOWN_CONTRACT: unknown contract") < table
    )
    assert "stateMachine:prod-metering --input" in html
    assert html.index(">z</th>", table) < html.index(">a</th>", table)
    assert "What needs an operator" not in html_of(a_report([a_row("a")]))


def test_totals_are_compared_with_the_month_before() -> None:
    rows = [a_row("a", "cpu", "150"), a_row("a", "new_one", "1"), a_row("a", "gone", "0")]
    usage = {"cpu": "100", "gone": "5", "no_row": "7", "never": "0"}
    june = History(months=[MonthTotals(month="2025-06", usage=usage)])
    html = html_of(a_report(rows, history=june.followed_by("2025-07", totals(rows))))
    assert ">+50.0%<" in html
    assert ">new<" in html
    assert html.count('"n">gone<') == 2
    assert ">never<" not in html
    assert html.count("<polyline") == 4


def test_a_month_that_is_reported_again_is_not_compared_with_itself() -> None:
    known = {"2025-06": {"cpu": "2"}, "2025-07": {"cpu": "4"}}
    history = History(months=[MonthTotals(month=m, usage=used) for m, used in known.items()])
    assert ">+100.0%<" in html_of(a_report([a_row("a")], history=history))
    again = history.followed_by("2025-07", totals([a_row("a", due="8")]))
    assert [(of.month, of.usage["cpu"]) for of in again.months] == [
        ("2025-06", "2"),
        ("2025-07", "8"),
    ]


def test_twelve_months_are_kept() -> None:
    history = History()
    for month in range(1, 13):
        history = history.followed_by(f"2024-{month:02d}", totals([a_row("a", due=str(month))]))
    history = history.followed_by("2025-01", totals([a_row("a", due="13")]))
    assert (len(history.months), history.months[0].month) == (12, "2024-02")


def test_what_comes_from_outside_stays_text() -> None:
    bad = "<script>alert(1)</script>"
    rows = [refused(bad), a_row("b", bad, detail=bad)]
    html = html_of(a_report(rows, warnings=[bad], summary={"text": bad}))
    assert "<script" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("contracts", "dimensions", "most"),
    [(1_000, DIMENSIONS, 200_000), (50_000, DIMENSIONS[:1], 400_000)],
)
def test_a_page_stays_small_and_names_every_contract_with_trouble(
    contracts: int, dimensions: tuple[str, ...], most: int
) -> None:
    rows = [
        a_row(ID.format(n), dimension, str(n * 1_000 + 1))
        for n in range(contracts)
        for dimension in dimensions
    ]
    rows += [refused(f"refused-{n}") for n in range(50)]
    html = html_of(a_report(rows))
    assert len(html) < most
    assert all(f">refused-{n}</th>" in html for n in range(50))
    assert html.count("aws stepfunctions") == 1, "one cause, one command"
    assert ID.format(contracts - 1) in html, "the largest is named"
    assert f"{contracts - 200:,} more contracts" in html


def test_three_hundred_contracts_with_one_cause_are_said_once() -> None:
    rows = [
        refused(ID.format(n), message="m" * 500) if n < 300 else a_row(ID.format(n), dimension)
        for n in range(1_000)
        for dimension in DIMENSIONS
    ]
    html = html_of(a_report(rows))
    assert "100 more contracts that need an operator are in the CSV file" in html
    assert "500 more contracts without trouble are in the CSV file" in html
    assert "<strong>300 contracts</strong>: cpu 3,600 refused. UNKNOWN_CONTRACT: mmm" in html
    assert (html.count("m" * 500), html.count("aws stepfunctions")) == (1, 3)
    assert len(html) < 200_000


def test_a_page_is_well_formed_prints_and_reads_in_the_dark() -> None:
    parser = Balanced()
    parser.feed(html_of(a_report([a_row("a"), refused("z")])))
    assert not parser.open
    html = html_of(a_report([a_row("a")]))
    assert "size:landscape" in html
    assert "color-scheme:light dark" in html
    assert 'lang="en"' in html
    assert "script" not in parser.seen
    assert "http" not in html.replace("http-equiv", ""), "it needs nothing from elsewhere"


@pytest.mark.parametrize(
    ("text", "said"),
    [("1234567.25", "1,234,567.25"), ("-1000", "-1,000"), ("1/3", "1/3"), ("", ""), ("12", "12")],
)
def test_numbers_are_grouped(text: str, said: str) -> None:
    assert number(text) == said


def test_large_amounts_of_bytes_are_shown_in_the_unit_that_people_think_in() -> None:
    assert human("memory_byte_hours", Fraction(26_607_993_487_360)) == "24.2 TiB·h"
    assert human("storage_bytes", Fraction(2**30)) == "1.0 GiB"
    assert human("cpu_core_hours", Fraction(2**50)) == ""
    assert human("memory_byte_hours", Fraction(5)) == ""


def test_a_change_is_a_percentage_new_or_gone() -> None:
    assert change(Fraction(3), Fraction(2)) == "+50.0%"
    assert change(Fraction(1), Fraction(2)) == "-50.0%"
    assert change(Fraction(1), Fraction(0)) == "new"
    assert change(Fraction(0), Fraction(1)) == "gone"
    assert change(Fraction(0), Fraction(0)) == change(Fraction(1), None) == ""


@given(st.lists(st.fractions(0, 10**9), min_size=2, max_size=12))
def test_a_line_stays_in_its_frame(values: list[Fraction]) -> None:
    points = [tuple(map(int, point.split(","))) for point in sparkline(values).split()]
    assert len(points) == len(values)
    assert all(0 <= x <= 96 and 0 <= y <= 20 for x, y in points)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.fractions(0, 10**6)), max_size=20))
def test_totals_add_up_exactly(amounts: list[tuple[str, Fraction]]) -> None:
    texts = [(name, f"{amount.numerator}/{amount.denominator}") for name, amount in amounts]
    found = {total.dimension: total for total in totals(a_row("c", n, t) for n, t in texts)}
    for name in {name for name, _ in amounts}:
        assert Fraction(found[name].due) == sum(a for n, a in amounts if n == name)
