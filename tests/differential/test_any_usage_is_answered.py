"""Whatever a usage file holds, it is summed or named with its place; no reader ends otherwise."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.domain.usage.tally import Tally
from tests.differential.any_json import anything
from tests.differential.steadily import steadily


def problems_of(body: bytes, hour: str | None) -> list[str]:
    tally = Tally(duplicates="max")
    tally.add_file("k", hour, body)
    tally.add_file("after", hour, b'[{"externalPayerId": "c", "dimension": "d", "value": 1}]')
    tally.end()
    assert tally.files == 2
    assert not [problem for problem in tally.problems if problem.key == "after"]
    return [str(problem) for problem in tally.problems]


hours = st.sampled_from([None, "01/00"])
fields = st.sampled_from(
    [
        *("externalPayerId", "dimension", "value", "pricePerUnit", "subscriptionId"),
        *("instanceId", "podName", "hostName", "timestamp", "other"),
    ]
)
texts = st.sampled_from(
    [
        *("0", "-0", "-0.0", "1", "1.0", "true", "1e400", "1e-400", "0e999", "9" * 40, "1" * 5_000),
        *("1e99999999999999999999", "-1e-99999999999999999999", "0.1e-60", '"1"', "[1]", "{}"),
        *('"c"', '"p"', "null", '"0001-01-01T00:00:00+01:00"', r'"\ud800"'),
    ]
)
records = st.dictionaries(fields, texts | anything.map(json.dumps), max_size=7)


almost_json = st.text('[]{}",:0e-.\ufeff\n', max_size=60).map(str.encode)


@steadily
@given(st.binary(max_size=60) | almost_json, hours)
def test_a_usage_file_is_summed_or_named_whatever_its_bytes(body: bytes, hour: str | None) -> None:
    for problem in problems_of(body, hour):
        assert problem.startswith("k")


@steadily
@given(st.lists(records, max_size=5), hours)
@example([{"value": "1e99999999999999999999"}], None)
@example([{"value": "1", "pricePerUnit": "1e-99999999999999999999"}], None)
def test_records_are_summed_or_named_whatever_they_hold(
    listed: list[dict[str, str]], hour: str | None
) -> None:
    texts = [", ".join(f'"{name}": {text}' for name, text in item.items()) for item in listed]
    body = f"[{', '.join(f'{{{text}}}' for text in texts)}]".encode("utf-8", "surrogatepass")
    for problem in problems_of(body, hour):
        assert problem.startswith("k")


def test_a_refused_record_does_not_hide_what_is_wrong_with_the_next_ones() -> None:
    good = {"externalPayerId": "c", "dimension": "d", "value": 1}
    listed = [{**good, "instanceId": ["x"]}, good, {**good, "value": -1}]
    assert len(problems_of(json.dumps(listed).encode(), "01/00")) == 2


@pytest.mark.parametrize(
    "form",
    [
        '[{{"value": {deep}}}]',
        '[{{"other": {deep}}}, {{"value": -1}}]',
        '[{{"externalPayerId": {deep}, "dimension": "d", "value": 1}}]',
    ],
)
def test_what_is_nested_too_deeply_is_named(form: str) -> None:
    """Somewhere below a thousand levels the reader manages what a message about it does not."""
    for depth in range(900, 1_001):
        assert problems_of(form.format(deep="[" * depth + "]" * depth).encode(), "01/00")
