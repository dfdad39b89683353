"""What is reported of a month's usage beside its bill."""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from functions.domain.usage.bill import ContractBill, Quarantined
from functions.domain.usage.fold import DayRead, Days, Total
from functions.domain.usage.month_usage import MonthUsage, checks, worth_a_look
from functions.domain.usage.tally import Tally
from tests.builders import JULY, PLAN, a_bill, a_contract, a_plan

TOO_MUCH = a_contract(quantities={"mem": str(2**31)})


def said(total: Total | None = None, *contracts: ContractBill, **bill: Any) -> list[str]:
    month = replace(a_bill(*contracts), **bill)
    return list(worth_a_look(Days(PLAN, JULY, {}), total or Total(), month))


def test_an_ordinary_month_has_no_warnings() -> None:
    assert said() == []


def test_a_quantity_that_aws_does_not_take_is_named_with_its_month() -> None:
    (text,) = said(None, TOO_MUCH)
    assert text.startswith("2025-07: AWS takes quantities up to 2,147,483,647; scale with")


def test_what_a_month_was_added_up_from_stands_beside_its_bill() -> None:
    total = Total()
    total.files, total.records, total.duplicates = 3, 4, 5
    total.hours.add("01/00")
    total.dropped |= {"mem": Decimal("1.50"), "cpu": 2}
    days = Days(PLAN, JULY, {"01": DayRead(digest="d", files=3)})
    bill = a_bill(TOO_MUCH)
    found = MonthUsage.of(days, total, bill, ["first"])
    assert found == MonthUsage(
        files=3,
        hours=1,
        records=4,
        duplicates=5,
        dropped={"cpu": "2", "mem": "1.50"},
        warnings=["first", *worth_a_look(days, total, bill)],
        checks=list(checks(days, total, bill)),
        days={"01": "d"},
        bill=bill,
    )
    assert list(found.dropped) == ["cpu", "mem"]


def test_up_to_ten_alike_dimensions_are_named() -> None:
    many = [f"{'-' * number}a" for number in range(1, 12)]
    (text,) = said(None, a_contract(quantities=dict.fromkeys(many, "1")))
    assert text.count("a'") == 10


def test_dimensions_that_differ_in_blanks_or_case_are_named() -> None:
    contracts = (
        a_contract("a", quantities={"cpu": "1", "mem": "1"}),
        a_contract("b", quantities={"CPU ": "1"}),
    )
    assert said(None, *contracts) == ["2025-07: alike dimensions are billed apart: 'CPU ', 'cpu'"]


def test_files_without_any_record_are_counted() -> None:
    total = Total()
    total.files = 744
    what = "check whether the export includes what customers pay for"
    assert said(total) == [f"2025-07: none of 744 usage files holds a record; {what}"]
    total.records = 1
    assert said(total) == []


def checked(
    quantity: int, *, hours: int = 0, cloud: str = "aws", names: tuple[str, ...] = ("31",)
) -> list[str]:
    total = Total()
    total.hours.update(f"01/{hour:02d}" for hour in range(hours))
    quantities = {"c-1": str(quantity), "c-2": "7"}
    bills = [a_contract(name, quantities={"mem": text}) for name, text in quantities.items()]
    days = Days(a_plan(cloud=cloud), JULY, dict.fromkeys(names, DayRead()))
    return list(checks(days, total, a_bill(*bills)))


def test_what_was_looked_at_with_nothing_wrong_is_said_too() -> None:
    largest = "the largest of this month is 2,147,483,647, mem of c-1"
    assert checked(2**31 - 1, hours=3) == [
        "3 of 744 hours have usage files",
        "AWS takes usage of this month until 2025-08-01T06:00:00Z",
        f"AWS takes quantities up to 2,147,483,647: {largest}",
    ]
    assert checked(5, names=("04T06",), hours=1)[0] == "1 of 78 hours have usage files"


def test_a_limit_that_is_exceeded_or_unknown_is_not_called_checked() -> None:
    assert len(checked(2**31)) == 1
    assert checked(5, cloud="azure") == [
        "Azure takes usage of this month until 2025-08-02T00:00:00Z"
    ]
    assert checked(5, cloud="gcp") == []


def test_files_that_are_written_twice_are_counted_and_the_first_pair_is_named() -> None:
    total = Total()
    total.twins, total.twin = 1, "a and b"
    assert said(total) == ["2025-07: identical files of one hour, which both count: a and b"]
    total.twins = 2
    assert said(total)[0].endswith("which both count: a and b and 1 more")


def test_usage_without_a_payer_is_counted_and_the_first_five_are_named() -> None:
    one = Quarantined(subscription="s-0", dimension="cpu", quantity="7")
    assert said(quarantined=[one]) == [
        "2025-07: usage without externalPayerId is not billed: 7 cpu of subscription s-0"
    ]
    (many,) = said(quarantined=[replace(one, subscription=f"s-{n}") for n in range(7)])
    assert "not billed: 7 cpu of subscription s-0, 7 cpu of" in many
    assert many.endswith("7 cpu of subscription s-4, and 2 more")


def test_up_to_ten_dimensions_that_no_formula_reads_are_named() -> None:
    names = [f"d{n}" for n in range(12)]
    assert said(unbilled_dimensions=names) == [
        f"2025-07: no formula reads the dimensions {', '.join(names[:10])}"
    ]


def test_files_of_an_hour_with_the_same_content_are_twins_where_nothing_tells_them_apart() -> None:
    body, other = b'[{"externalPayerId":"c","dimension":"d","value":1}]', b"[ ]"
    tally = Tally(duplicates="max")
    for key, hour in (("a", "01/00"), ("b", "01/00"), ("c", "01/00"), ("d", "01/01")):
        tally.add_file(key, hour, body)
        tally.add_file(f"{key}-empty", hour, other)
    tally.end()
    assert (tally.twins, tally.twin) == (2, "a and b")
    assert tally.groups == {("c", "d", None, None): Decimal(4)}


def test_files_whose_records_are_compared_are_no_twins_unless_all_records_count() -> None:
    body = b'[{"externalPayerId":"c","dimension":"d","value":1,"podName":"p"}]'
    for duplicates, again, twins in (("max", body, 0), ("sum", body, 1), ("sum", body + b" ", 0)):
        tally = Tally(duplicates=duplicates)
        tally.add_file("a", "01/00", body)
        tally.add_file("b", "01/00", again)
        tally.end()
        assert tally.twins == twins
