"""The place of a problem: the line on which a decoder stopped, or a record starts."""

import pytest

from functions.domain.usage.problem import Problem, line_of_error, line_of_record


def test_a_problem_is_reported_with_its_line_where_that_is_known() -> None:
    assert str(Problem(key="a.json", detail="no", line=3)) == "a.json line 3: no"
    assert str(Problem(key="a.json", detail="no")) == "a.json: no"


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("JSON is malformed: invalid character (byte 0)", 1),
        ("JSON is malformed: invalid character (byte 1)", 2),
        ("JSON is malformed: invalid character (byte 4)", 3),
        ("JSON is malformed: invalid character (byte 7)", 4),
        ("an odd (byte 1) name: invalid character (byte 7)", 4),
        ("Input data was truncated", 1),
        ("Expected `object`, got `int` - at `$[0]`", 2),
        ("Expected `object`, got `int` - at `$[2]`", 4),
        ("Expected `str`, got `int` - at `$[1].tags[2]`", 3),
        ("Expected `str` - at `$[1]` and not at `$[2]`", 3),
    ],
)
def test_the_line_of_an_error_is_that_of_its_byte_or_record(said: str, line: int) -> None:
    assert line_of_error(b"\n[1\n,2\n,3]\n\n", ValueError(said)) == line


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"[1,2,3]", [1, 1, 1]),
        (b'[{"a":1},{"a":[2]},\n{"b":{}}]', [1, 1, 2]),
        (b'\n[\n{"a":\n1},\n\n{"a": [1]} , {"a": 2}\n]\n', [3, 6, 6]),
        (b'[{"a": "\xff"},\n{"a": "\xc3\xa9"},\n1]', [1, 2, 3]),
        (b"\xef\xbb\xbf[1,\n2]", [1, 2]),
    ],
)
def test_the_line_of_a_record_is_the_one_it_starts_on(body: bytes, lines: list[int]) -> None:
    assert [line_of_record(body, index) for index in range(len(lines))] == lines


def test_a_record_behind_one_that_is_nested_too_deeply_has_no_line() -> None:
    deep = b"[" * 50_000 + b"]" * 50_000
    assert line_of_record(b"[" + deep + b",5]", 1) is None


def test_a_record_behind_what_cannot_be_read_has_no_line() -> None:
    assert line_of_record(b"[1,\nx,\n2]", 1) == 2
    assert line_of_record(b"[1,\nx,\n2]", 2) is None
    assert line_of_record(b"[1,\n\n", 1) == 3, "where the file ends"
