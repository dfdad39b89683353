"""What Clazar is sent: the documented record, the same bytes for the same lines."""

import json

import pytest

from functions.domain.ledger import submission
from functions.domain.ledger.entry import Entry, Line
from tests import builders

CPU, MEM = Line(dimension="cpu", quantity="5"), Line(dimension="mem", quantity="12")


def an_entry(cloud: str = "aws", until: str | None = None) -> Entry:
    return builders.an_entry(cloud=cloud, until=until)


def test_a_contracts_month_is_one_record_per_line_up_to_the_last_second() -> None:
    window = {"start_time": "2025-07-01T00:00:00Z", "end_time": "2025-07-31T23:59:59Z"}
    of_contract = {"cloud": "azure", "contract_id": "c-1", **window}
    assert submission.records(an_entry("azure"), [CPU, MEM]) == [
        {**of_contract, "dimension": "cpu", "quantity": "5"},
        {**of_contract, "dimension": "mem", "quantity": "12"},
    ]


@pytest.mark.parametrize(
    ("until", "end"),
    [
        ("2025-07-13T10:00:00Z", "2025-07-13T09:59:59Z"),
        ("2025-07-13T12:00:00+02:00", "2025-07-13T09:59:59Z"),
        ("2025-08-01T00:00:00Z", "2025-07-31T23:59:59Z"),
        ("2025-08-09T00:00:00Z", "2025-07-31T23:59:59Z"),
    ],
)
def test_the_window_of_a_cancelled_contract_ends_with_it_and_never_after_the_month(
    until: str, end: str
) -> None:
    (record,) = submission.records(an_entry(until=until), [CPU])
    assert (record["start_time"], record["end_time"]) == ("2025-07-01T00:00:00Z", end)
    sent = submission.request(an_entry(until=until), [CPU])
    assert (json.loads(sent.body), sent.records) == ({"request": [record]}, [record])


def test_a_request_is_always_the_same_bytes_for_the_same_lines() -> None:
    request = submission.request(an_entry(), [CPU])
    assert request.body == (
        '{"request":[{"cloud":"aws","contract_id":"c-1","dimension":"cpu",'
        '"start_time":"2025-07-01T00:00:00Z","end_time":"2025-07-31T23:59:59Z","quantity":"5"}]}'
    )
    assert submission.request(an_entry(), [CPU]) == request
    assert submission.request(an_entry(), [MEM]) != request
