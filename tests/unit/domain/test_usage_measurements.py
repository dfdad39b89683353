"""Measurements of one pod and hour, usage without a payer, and prices: counted once, kept apart."""

import json
from decimal import Decimal
from typing import Any

import pytest

from functions.domain.usage import tally as tallying
from functions.domain.usage.problem import Problem
from functions.domain.usage.tally import Tally

GROUP = ("c-1", "cpu", None, None)


def a_record(value: Any = 1, **fields: Any) -> dict[str, Any]:
    return {"externalPayerId": "c-1", "dimension": "cpu", "value": value, **fields}


def of_pod(value: Any, **fields: Any) -> dict[str, Any]:
    return a_record(value, podName="p", **fields)


def without_payer(value: Any, **fields: Any) -> dict[str, Any]:
    return a_record(value, **{"externalPayerId": None, "subscriptionId": "s-1", **fields})


def tally(*records: dict[str, Any], hour: str | None = "01/00", duplicates: str = "max") -> Tally:
    found = Tally(duplicates=duplicates)
    found.add_file("file", hour, json.dumps(records, indent=0).encode())
    found.end()
    return found


def by_hour(*records: dict[str, Any]) -> Tally:
    """Return the sums of records that are each alone in their hour."""
    found = Tally(duplicates="max")
    for hour, record in enumerate(records):
        found.add_file("file", f"01/{hour:02d}", json.dumps([record]).encode())
    found.end()
    return found


# Measured twice


@pytest.mark.parametrize("hour", ["01/00", None])
def test_of_many_measurements_of_a_pod_the_largest_counts_whatever_came_before(
    hour: str | None,
) -> None:
    at = {"timestamp": "2025-07-01T00:10:00Z"}
    other = a_record(100, podName="other", **at)
    records = [other, *(of_pod(value, **at) for value in (10, 3, 12, 12, 11))]
    found = tally(*records, hour=hour)
    assert found.groups == {GROUP: 112}
    assert (found.duplicates, found.dropped) == (4, {"cpu": 3 + 10 + 12 + 11})


def test_what_is_dropped_is_totalled_by_dimension() -> None:
    records = [of_pod(value, dimension=name) for name in ("cpu", "mem") for value in (1, 2, 4)]
    assert tally(*records).dropped == {"cpu": 3, "mem": 3}
    for duplicates in ("max", "sum"):
        found = tally(*[a_record(2)] * 3, of_pod(5), duplicates=duplicates)
        assert (found.groups, found.duplicates) == ({GROUP: 11}, 0), "of no pod all count"


def test_of_equal_measurements_the_one_with_the_higher_price_counts() -> None:
    prices = (None, Decimal("0.25"), 0, Decimal("0.5"))
    for first in prices:
        for second in prices:
            records = [of_pod(5), of_pod(5)]
            for record, price in zip(records, (first, second), strict=True):
                if price is not None:
                    record["pricePerUnit"] = float(price)
            kept = {group[2]: amount for group, amount in tally(*records).groups.items() if amount}
            assert kept == {
                max((first, second), key=lambda price: -1 if price is None else price): 5
            }


def test_a_larger_measurement_with_another_price_moves_to_the_sum_of_its_price() -> None:
    pods = [of_pod(2, pricePerUnit=9), of_pod(5, pricePerUnit=3)]
    found = tally(a_record(100, pricePerUnit=3), *pods)
    assert found.groups == {("c-1", "cpu", 3, None): 105, ("c-1", "cpu", 9, None): 0}


def test_the_larger_measurement_counts_without_a_payer_as_well() -> None:
    pods = [
        without_payer(value, podName="p", pricePerUnit=price)
        for value, price in ((2, 1), (5, 7), (3, 7))
    ]
    other = without_payer(100, podName="other", pricePerUnit=7)
    assert tally(other, *pods).groups == {(None, "cpu", 7, "s-1"): 105, (None, "cpu", 1, "s-1"): 0}
    assert tally(*pods).groups == {(None, "cpu", 7, "s-1"): 5, (None, "cpu", 1, "s-1"): 0}


# Without a payer


def test_usage_without_a_payer_adds_up_by_subscription() -> None:
    records = [
        without_payer(1),
        without_payer(2, subscriptionId="s-2"),
        without_payer(4),
        without_payer(8, subscriptionId=None),
        *(without_payer(32, externalPayerId=blank) for blank in ("", "  ")),
        without_payer(16, subscriptionId="x" * 90),
    ]
    assert tally(*records).groups == {
        (None, "cpu", None, "s-1"): 69,
        (None, "cpu", None, "s-2"): 2,
        (None, "cpu", None, "(missing)"): 8,
        (None, "cpu", None, "x" * 80): 16,
    }


# Values and prices


def test_a_sum_of_thirty_digits_and_a_half_is_exact_within_an_hour_and_over_hours() -> None:
    expected = {GROUP: Decimal("999999999999999999999999999999.5")}
    assert tally(a_record(10**30 - 1), a_record(0.5)).groups == expected
    assert by_hour(a_record(10**30 - 1), a_record(0.5)).groups == expected


def test_nothing_used_and_nothing_asked_for_it_are_amounts() -> None:
    found = tally(a_record(0, pricePerUnit=0), a_record(3, pricePerUnit=0))
    assert (found.problems, found.groups) == ([], {("c-1", "cpu", 0, None): 3})
    assert not tally(a_record(pricePerUnit=10**30 - 1)).problems


@pytest.mark.parametrize(("price", "wrong"), [(1, True), (0, False)])
def test_a_price_that_only_looks_like_one_is_refused_beside_true_ones(
    price: int, *, wrong: bool
) -> None:
    records = [a_record(pricePerUnit=given) for given in (wrong, price, wrong, price)]
    for found in (tally(*records), by_hour(*records)):
        assert found.groups == {("c-1", "cpu", price, None): 2}
        assert [problem.detail for problem in found.problems] == [
            f"pricePerUnit {wrong} is not a number of zero or more"
        ] * 2


LONG = "1" * 90


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (a_record(LONG), f"value '{'1' * 79} is not a number of zero or more"),
        (a_record(pricePerUnit=10**30), f"pricePerUnit 1{'0' * 30} is not a number"),
        (a_record(dimension=""), "dimension '' is not a name"),
        (a_record(dimension=0.5), "dimension 0.5 is not a name"),
    ],
)
def test_a_refusal_shows_the_value_as_it_stands(record: dict[str, Any], said: str) -> None:
    (problem,) = tally(record).problems
    assert problem.detail.startswith(said)


def test_what_measurements_are_distinguished_by_has_to_be_text_where_there_are_two() -> None:
    odd = of_pod(1, instanceId=["x"])
    assert not tally(odd).problems, "there is nothing to compare it with"
    (problem,) = tally(odd, of_pod(1)).problems
    assert problem.detail.startswith("identity ('c-1', 'cpu', None, ['x'], 'p', None) is not text")


def test_only_the_files_in_which_something_occurs_again_are_read_with_all_fields() -> None:
    found = Tally(duplicates="max")
    files = {
        "a": [of_pod(2), of_pod(1, dimension="mem")],
        "b": [of_pod(5)],
        "c": [of_pod(1, externalPayerId="c-2", customerEmail=[])],
    }
    for key, records in files.items():
        found.add_file(key, "01/00", json.dumps(records).encode())
    found.end()
    assert (found.duplicates, found.dropped, found.records) == (1, {"cpu": 2}, 4)
    assert {group[:2]: value for group, value in found.groups.items() if value} == {
        ("c-1", "cpu"): 5,
        ("c-1", "mem"): 1,
        ("c-2", "cpu"): 1,
    }


def test_long_numbers_are_shown_in_part() -> None:
    def shown(record: str) -> str:
        found = Tally(duplicates="max")
        found.add_file("file", "01/00", f"[{record}]".encode())
        found.end()
        return found.problems[0].detail

    assert shown(f'{{"value": -{LONG}.5}}') == (
        f"value -{'1' * 79} (negative, or too many digits) is not a number of zero or more"
    )
    digits = f"{'1' * 30}.{'1' * 59}"
    assert shown(f'{{"value": 1, "dimension": {digits}}}') == (
        f"dimension {digits[:80]} is not a name"
    )


@pytest.mark.parametrize("text", ["soon", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_timestamp_that_says_no_hour_is_shown(text: str) -> None:
    (problem,) = tally(of_pod(1, timestamp=text), hour=None).problems
    assert str(problem) == f"file line 2: timestamp '{text}' says no hour, nor does the folder"


# Files


def test_a_record_that_is_too_deep_to_be_explained_is_reported_by_its_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_deep(*_: object) -> int:
        raise RecursionError

    monkeypatch.setattr(tallying, "line_of_record", too_deep)
    assert tally(a_record(-1)).problems == [
        Problem(key="file", detail="a record is nested too deeply")
    ]
