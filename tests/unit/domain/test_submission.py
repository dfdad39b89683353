"""What Clazar is sent: the documented record, the same bytes for the same lines."""

import hashlib
import json

import pytest

from functions.domain import submission
from functions.domain.ledger_entry import Line
from functions.domain.month import Month

JULY = Month(2025, 7)
CPU, MEM = Line(dimension="cpu", quantity="5"), Line(dimension="mem", quantity="12")


def test_a_contracts_month_is_one_record_per_line_up_to_the_last_second() -> None:
    window = {"start_time": "2025-07-01T00:00:00Z", "end_time": "2025-07-31T23:59:59Z"}
    of_contract = {"cloud": "azure", "contract_id": "c-1", **window}
    assert submission.records("azure", "c-1", JULY, [CPU, MEM]) == [
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
    (record,) = submission.records("aws", "c-1", JULY, [CPU], until)
    assert (record["start_time"], record["end_time"]) == ("2025-07-01T00:00:00Z", end)
    sent = json.loads(submission.request("aws", "c-1", JULY, [CPU], until).body)
    assert sent == {"request": [record]}


def test_a_request_is_known_by_the_digest_of_the_bytes_that_leave() -> None:
    request = submission.request("aws", "c-1", JULY, [CPU])
    assert request.body == (
        '{"request":[{"cloud":"aws","contract_id":"c-1","dimension":"cpu",'
        '"start_time":"2025-07-01T00:00:00Z","end_time":"2025-07-31T23:59:59Z","quantity":"5"}]}'
    )
    assert request.digest == hashlib.sha256(request.body.encode()).hexdigest()
    assert submission.request("aws", "c-1", JULY, [CPU]) == request
    assert submission.request("aws", "c-1", JULY, [MEM]).digest != request.digest
