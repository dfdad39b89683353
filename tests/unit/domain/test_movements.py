"""Which contracts moved most against the month before: usage with usage, whatever the unit."""

from functions.domain.months.journal import Journal
from functions.domain.months.months_due import month_before
from functions.domain.months.movements import Movements, UsageRow, movements, usage_of
from functions.domain.months.state_file import PlanState
from functions.domain.months.totals import History, MonthTotals
from tests.builders import JULY, JUNE, MAY

HISTORY = History(
    months=[
        MonthTotals(month="2025-05", usage={"cpu": "100000"}),
        MonthTotals(month="2025-06", usage={"cpu": "100", "bytes": "1000000"}),
        MonthTotals(month="2025-07", usage={"cpu": "60", "bytes": "500000"}),
    ]
)


def found(june: dict[str, dict[str, str]], july: dict[str, dict[str, str]]) -> Movements:
    return movements(june, july, HISTORY)


def moved(june: dict[str, dict[str, str]], july: dict[str, dict[str, str]]) -> list[str]:
    compared = found(june, july).moved
    return [f"{m.contract_id} {m.dimension} {m.difference} {m.change} {m.share}" for m in compared]


def test_the_largest_share_of_its_dimension_comes_first_whatever_the_unit() -> None:
    june = {"a": {"cpu": "10", "bytes": "10"}, "b": {"cpu": "50"}}
    july = {"a": {"cpu": "15", "bytes": "4010"}, "b": {"cpu": "20"}}
    assert moved(june, july) == ["b cpu -30 -60.0% 30.0%", "a cpu 5 +50.0% 5.0%"]
    first = found(june, july).moved[0]
    assert (first.before, first.usage) == ("50", "20")


def test_of_each_contract_the_dimension_that_moved_most_is_enough() -> None:
    june, july = {"a": {"cpu": "1", "bytes": "0"}}, {"a": {"cpu": "2", "bytes": "500000"}}
    assert moved(june, july) == ["a bytes 500000 new 50.0%"]
    assert found(june, july).more == 0


def test_usage_that_is_as_it_was_has_not_moved() -> None:
    assert moved({"a": {"cpu": "1/3"}}, {"a": {"cpu": "1/3"}}) == []


def test_a_dimension_that_a_contract_has_in_one_month_only_has_moved() -> None:
    june = {"a": {"cpu": "1", "old": "2"}, "b": {"cpu": "1"}}
    july = {"a": {"cpu": "1"}, "b": {"cpu": "1", "bytes": "3"}}
    assert moved(june, july) == ["a old -2 gone 200.0%", "b bytes 3 new 0.0%"]


def test_new_and_gone_contracts_are_counted_and_the_largest_are_named() -> None:
    june = {"stays": {"cpu": "1"}, "gone": {"cpu": "9"}, "idle": {"cpu": "0"}}
    june["left"] = {"cpu": "8"}
    july = {
        "stays": {"cpu": "1"},
        "gone": {"cpu": "0"},
        "idle": {"cpu": "0"},
        **{f"new-{size:02d}": {"cpu": str(size)} for size in range(1, 13)},
    }
    compared = found(june, july)
    assert (compared.new, compared.gone, compared.gone_contracts) == (12, 2, ["gone", "left"])
    assert compared.new_contracts == [f"new-{size:02d}" for size in range(12, 2, -1)]
    assert compared.moved == []


def test_a_contract_whose_formula_failed_in_either_month_is_neither_moved_nor_new_nor_gone() -> (
    None
):
    june, july = {"a": {"cpu": ""}, "b": {"cpu": "4"}}, {"a": {"cpu": "4"}, "b": {"cpu": ""}}
    assert found(june, july) == Movements()


def test_twenty_are_listed_and_the_others_are_counted() -> None:
    names = [f"c-{n:02d}" for n in range(25)]
    july = {name: {"cpu": str(n + 2)} for n, name in enumerate(names)}
    compared = found({name: {"cpu": "1"} for name in names}, july)
    assert [m.contract_id for m in compared.moved] == names[:4:-1]
    assert compared.more == 5


def test_rows_of_an_earlier_report_are_put_together_by_contract() -> None:
    rows = [UsageRow("a", "cpu", "1"), UsageRow("b", "cpu", ""), UsageRow("a", "mem", "2")]
    assert usage_of(rows) == {"a": {"cpu": "1", "mem": "2"}, "b": {"cpu": ""}}


def test_a_month_is_compared_with_the_last_closed_one_before_it() -> None:
    closed = PlanState(last_processed_month=JUNE)
    before = {m: month_before(m, closed, Journal()) for m in (MAY, JUNE, JULY)}
    assert before == {MAY: MAY.plus(-1), JUNE: MAY, JULY: JUNE}
    assert month_before(JULY.plus(3), closed, Journal()) == JUNE
    assert month_before(JULY, PlanState(), Journal()) is None
    assert month_before(JULY, PlanState(), Journal(last_closed_month="2025-06")) == JUNE
