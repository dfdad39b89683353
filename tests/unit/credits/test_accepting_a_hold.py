"""What an operator accepts with `accept_shrink`: what the holds of an upload have named."""

from collections.abc import Callable
from typing import Any

import pytest

from functions.domain.month import Month
from functions.errors import PartnerRefused
from tests.unit.credits.pipeline import Pipeline

BOTH = "credits-2025-01_2025-02.csv"
JANUARY = Month(2025, 1)
OTHERS = {"lineitem/type": "Usage", "cost/cost": "55.00", "resource/account": "000000000077"}


def posted(january: str, february: str) -> Pipeline:
    """A pipeline that holds two months, and their next upload."""
    pipeline = Pipeline(limit="0.5", growth="10")
    pipeline.put(BOTH, "000000000001,$1000.00,$500.00\n000000000002,$7.00,$3.00\n")
    assert pipeline.execute(key=BOTH).succeeded
    pipeline.put(BOTH, f"000000000001,{january},{february}\n000000000002,$7.00,$3.00\n")
    return pipeline


def january_is(
    pipeline: Pipeline, answer: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Change what CloudZero answers when it is asked for January."""
    real = pipeline.cloudzero.stored

    def stored(connection: str, month: Month) -> Any:
        rows = real(connection, month)
        return answer(rows) if month == JANUARY else rows

    monkeypatch.setattr(pipeline.cloudzero, "stored", stored)


def refused(_rows: object) -> None:
    raise PartnerRefused("GET: HTTP 400")


def test_a_month_that_was_not_judged_is_held_although_another_months_hold_is_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = posted("", "$100.00")
    january_is(pipeline, refused, monkeypatch)
    assert "2025-02: DropHeld" in pipeline.execute(key=BOTH).cause
    monkeypatch.undo()
    accepted = pipeline.execute(key=BOTH, accept_shrink=True)
    assert accepted.error == "DropHeld"
    assert [month["error"] for month in accepted.result["months"]] == ["DropHeld", ""]
    assert pipeline.held("2025-01")["000000000001"] == "-1000.00"
    assert pipeline.execute(key=BOTH, accept_shrink=True).succeeded, "now it is named"
    assert pipeline.held("2025-01")["000000000001"] == "0.00"


def test_rows_of_others_that_are_new_in_a_verified_month_are_not_accepted_with_another_month(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = posted("$900.00", "$100.00")
    (january, february) = pipeline.execute(key=BOTH).result["months"]
    assert (january["status"], february["error"]) == ("verified", "DropHeld")
    january_is(pipeline, lambda rows: [*rows, OTHERS], monkeypatch)
    posts = len(pipeline.cloudzero.posts)
    (january, february) = pipeline.execute(key=BOTH, accept_shrink=True).result["months"]
    assert "1 stored row other than AWS credits would be erased" in january["message"]
    assert february["status"] == "verified"
    assert len(pipeline.cloudzero.posts) == posts + 1


@pytest.mark.parametrize("amount", ["", "$1.00"])
def test_an_upload_that_was_never_held_may_be_accepted_as_a_whole(amount: str) -> None:
    assert posted(amount, amount).execute(key=BOTH, accept_shrink=True).succeeded
