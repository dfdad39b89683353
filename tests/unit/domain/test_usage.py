"""Usage records to sums: exact, nothing skipped, every refusal with its place."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.usage.tally import MAX_PROBLEMS, Tally


def a_record(**fields: Any) -> dict[str, Any]:
    return {"externalPayerId": "c-1", "dimension": "cpu", "value": 1, **fields}


def tally(*files: Any, duplicates: str = "max", hour: str | None = "01/00") -> Tally:
    found = Tally(duplicates=duplicates)
    for index, file in enumerate(files):
        body = file if isinstance(file, bytes) else json.dumps(file).encode()
        found.add_file(f"file-{index}", hour, body)
    found.end()
    return found


def test_744_records_of_a_half_total_372() -> None:
    found = tally(*[[a_record(value=0.5)]] * 744)
    assert found.groups == {("c-1", "cpu", None, None): 372}
    assert (found.files, found.records) == (744, 744)


def test_numbers_are_read_from_their_text_not_as_floats() -> None:
    body = b'[{"externalPayerId":"c","dimension":"d","value":12345678901234567.5},'
    body += b'{"externalPayerId":"c","dimension":"d","value":18446744073709551616},'
    body += b'{"externalPayerId":"c","dimension":"d","value":0.1,"pricePerUnit":9.313e-14}]'
    found = tally(body)
    assert found.groups == {
        ("c", "d", None, None): Decimal("18459089752610786183.5"),
        ("c", "d", Decimal("9.313E-14"), None): Decimal("0.1"),
    }


@pytest.mark.parametrize(
    ("record", "detail"),
    [
        ({"externalPayerId": "c", "dimension": "d"}, "value (missing)"),
        (a_record(value=None), "value (missing) is not a number of zero or more"),
        (a_record(value=-1), "value -1"),
        (a_record(value=-0.5), "value -0.5 (negative"),
        (a_record(value="5"), "value '5' is not a number of zero or more"),
        (a_record(value=True), "value True"),
        (a_record(value=[1]), "value [1]"),
        (a_record(value=10**30), f"value 1{'0' * 30} is not a number of zero or more"),
        (a_record(dimension=None), "dimension (missing)"),
        (a_record(dimension=" "), "dimension"),
        (a_record(dimension=["cpu"]), "dimension ['cpu']"),
        (a_record(externalPayerId=7), "externalPayerId 7"),
        (a_record(externalPayerId={"id": 7}), "externalPayerId {'id': 7}"),
        (a_record(externalPayerId="c\n1"), "externalPayerId 'c\\n1' is not a contract id"),
        (a_record(pricePerUnit="free"), "pricePerUnit 'free'"),
        (a_record(dimension="other", pricePerUnit=[1]), "pricePerUnit [1]"),
        (a_record(externalPayerId=" c-1 "), "externalPayerId ' c-1 '"),
        (a_record(pricePerUnit=-1), "pricePerUnit -1"),
        (a_record(pricePerUnit=True), "pricePerUnit True"),
        (a_record(instanceId=["x"]), "identity"),
    ],
)
def test_a_bad_record_is_named_by_file_line_and_value(record: dict[str, Any], detail: str) -> None:
    body = b"[\n" + json.dumps(a_record()).encode() + b",\n" + json.dumps(record).encode() + b"]"
    (problem,) = tally(body).problems
    assert str(problem).startswith(f"file-0 line 3: {detail}")


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        *((b"", 1, ""), (b'[{"externalPayerId": "c', 1, "")),
        *((b'[\n{"value": 1},\n{"val', None, ""), (b"{}", 1, ""), (b"null", 1, "")),
        *((b"[\n1]", 2, ""), (b"[x", 1, "JSON is malformed: invalid character (byte 1)")),
        (b"\xef\xbb\xbf[]", 1, "the file is UTF-8 with a byte order mark; JSON is malformed:"),
        ("[]".encode("utf-16"), 1, "the file is UTF-16; JSON is malformed: invalid char"),
        (b"\x1f\x8b\x08", 1, "the file is compressed; JSON is malformed: invalid char"),
        *((b'[{"value": NaN}]', 1, ""), (b'[{"dimension": "\xff"}]', 1, ""), (b"[" * 5_000, 1, "")),
    ],
)
def test_a_file_that_is_no_array_of_records_is_named(
    body: bytes, line: int | None, said: str
) -> None:
    (problem,) = tally(body).problems
    assert problem.key == "file-0"
    assert problem.detail.startswith(f"not a JSON array of records: {said}")
    if line:
        assert problem.line == line


def test_without_a_pod_or_instance_there_is_no_identity_and_none_is_the_same_as_empty() -> None:
    records = [a_record(podName="", instanceId="", value=value) for value in (3, 4, 5)]
    assert sum(tally(records).groups.values()) == 12
    names: list[dict[str, Any]] = [{"instanceId": None}, {"instanceId": ""}, {}]
    pods = [a_record(value=5 - n, podName="p", **fields) for n, fields in enumerate(names)]
    found = tally(pods)
    assert (sum(found.groups.values()), found.duplicates) == (5, 2)


def test_all_bad_files_are_named_up_to_a_hundred() -> None:
    found = tally(b"x", [a_record()], b"y").problems
    assert [problem.key for problem in found] == ["file-0", "file-2"]
    assert len(tally(*[b"x"] * 150).problems) == MAX_PROBLEMS


def test_of_two_measurements_of_one_pod_and_hour_the_larger_counts() -> None:
    small, large = a_record(podName="p", value=3), a_record(podName="p", value=5)
    for files in ([[small, large]], [[large, small]], [[small], [large]]):
        found = tally(*files)
        assert found.groups == {("c-1", "cpu", None, None): 5}
        assert (found.duplicates, found.dropped) == (1, {"cpu": 3})


def test_measurements_of_other_hours_pods_or_dimensions_are_not_the_same() -> None:
    found = Tally(duplicates="max")
    record = a_record(podName="p", instanceId="i", hostName="h", subscriptionId="s")
    body = [record] + [
        {**record, name: "other"}
        for name in ("podName", "instanceId", "hostName", "subscriptionId", "dimension")
    ]
    found.add_file("a", "01/00", json.dumps(body).encode())
    found.add_file("b", "01/01", json.dumps([record]).encode())
    found.end()
    assert found.duplicates == 0
    assert sum(found.groups.values()) == 7


def test_sum_by_configuration_counts_every_record() -> None:
    found = tally([a_record(podName="p")] * 2, duplicates="sum")
    assert sum(found.groups.values()) == 2
    assert found.duplicates == 0


def test_in_the_flat_layout_the_hour_is_the_one_of_the_timestamp() -> None:
    first = a_record(podName="p", value=1, timestamp="2025-07-01T01:10:00Z")
    again = {**first, "value": 2, "timestamp": "2025-07-01T01:50:00Z"}
    later = {**first, "value": 4, "timestamp": "2025-07-01T02:10:00Z"}
    assert sum(tally([first, again, later], hour=None).groups.values()) == 6


amounts = st.one_of(
    st.integers(0, 10**18), st.decimals(0, 10**6, allow_nan=False, allow_infinity=False, places=6)
)


@given(st.lists(amounts, max_size=30), st.integers(1, 5))
def test_the_order_and_the_cut_of_the_files_do_not_matter(values: list[Any], size: int) -> None:
    text = [f'{{"externalPayerId":"c","dimension":"d","value":{value}}}' for value in values]
    whole = tally(f"[{','.join(text)}]".encode())
    parts = [f"[{','.join(text[at : at + size])}]".encode() for at in range(0, len(text), size)]
    assert tally(*reversed(parts)).groups == whole.groups
    assert sum(whole.groups.values()) == sum(Decimal(str(value)) for value in values)


def test_in_the_flat_layout_a_pod_without_a_timestamp_is_named_and_not_counted_once() -> None:
    (problem,) = tally([a_record(podName="p", timestamp=None)], hour=None).problems
    assert "timestamp (missing) says no hour, nor does the folder" in problem.detail
    assert not tally([a_record(timestamp=None)], hour=None).problems


def test_a_contract_id_that_fits_no_key_is_named() -> None:
    assert not tally([a_record(externalPayerId="x" * 400)]).problems
    assert tally([a_record(externalPayerId="\u00e9" * 100)]).problems


FIELDS = {"externalPayerId": "c-2", "dimension": "mem", "value": 5, "pricePerUnit": 2}
FIELDS |= {"podName": "pod-2", "instanceId": "i-2", "hostName": "h-2", "subscriptionId": "s-2"}
FLAT = (
    '{"externalPayerId": "c-1", "dimension": "cpu", "value": 1, "pricePerUnit": 1, '
    '"podName": "pod-1", "instanceId": "i-1", "hostName": "h-1", "subscriptionId": "s-1"}'
)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("again", ['"{name}": {value}', '"{escaped}": {value}', '"{name}" :null'])
def test_a_key_that_stands_twice_stops_the_month_with_its_line(name: str, again: str) -> None:
    escaped = f"\\u{ord(name[0]):04x}{name[1:]}"
    extra = again.format(name=name, escaped=escaped, value=json.dumps(FIELDS[name]))
    for first, second in ((FLAT[1:-1], extra), (extra, FLAT[1:-1])):
        body = f"[\n{FLAT},\n{{{first}, {second}}},\n{FLAT}]"
        (problem,) = [p for p in tally(body.encode()).problems if "duplicate" in p.detail]
        assert str(problem) == f"file-0 line 3: duplicate key {name!r}"


@pytest.mark.parametrize("name", FIELDS)
def test_a_key_that_stands_twice_is_found_beside_a_record_without_it(name: str) -> None:
    without = {key: value for key, value in json.loads(FLAT).items() if key != name}
    twice = f'{FLAT[:-1]}, "{name}": {json.dumps(FIELDS[name])}}}'
    problems = tally(f"[{json.dumps(without)},\n{twice}]".encode()).problems
    (problem,) = problems
    assert name in problem.detail
    assert (problem.line, "duplicate" in problem.detail) in [(2, True), (1, False)]


@pytest.mark.parametrize(
    "extra",
    [
        '"tags": {"value": 1, "value": 2, "dimension": "x"}',
        '"tags": [{"externalPayerId": "x", "externalPayerId": "y"}]',
        '"unit": "value", "note": "\\u0041"',
        '"note": 1, "note": 2, "value2": 3',
        '"note": "\xff"',
    ],
)
def test_the_same_names_elsewhere_are_no_problem(extra: str) -> None:
    bare = '{"externalPayerId": "c-1", "dimension": "cpu", "value": 1, "pricePerUnit": 1}'
    body = f"[{bare}, {bare[:-1]}, {extra}}}]".encode("latin-1")
    found = tally(body)
    assert (found.problems, found.groups) == ([], {("c-1", "cpu", 1, None): 2})


def test_a_key_that_stands_twice_is_found_beside_what_is_skipped_whatever_that_holds() -> None:
    skipped = b'"note": "\xff", "number": ' + b"1" * 5_000
    (problem,) = tally(b"[" + FLAT[:-1].encode() + b', "value": 2, ' + skipped + b"}]").problems
    assert problem.detail == "duplicate key 'value'"


def test_records_without_payer_or_price_are_not_parsed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("functions.domain.usage.record.json", None)
    sparse = [a_record(pricePerUnit=None), a_record(externalPayerId=None), {"dimension": "d"}]
    (problem,) = tally([*sparse, a_record(note="back\\slash ü")]).problems
    assert problem.detail == "value (missing) is not a number of zero or more"


def test_only_lines_that_are_reported_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter(range(MAX_PROBLEMS))
    monkeypatch.setattr("functions.domain.usage.tally.line_of_record", lambda *_: next(lines))
    found = tally([a_record(value=-1)] * (MAX_PROBLEMS * 3))
    assert [problem.line for problem in found.problems] == list(range(MAX_PROBLEMS))
