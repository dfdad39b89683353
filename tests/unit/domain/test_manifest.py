"""What a month was billed from: a later change of any day is noticed."""

from msgspec.structs import replace

from functions.domain.usage.manifest import Manifest

BILLED = Manifest(execution="x", days={"01": "d-1", "02": "d-2"})


def test_days_whose_files_came_changed_or_went_are_named_in_order() -> None:
    assert BILLED.changed({"03": "d-3", "02": "d-other"}) == ["01", "02", "03"]
    assert BILLED.changed({"02": "d-2", "01": "d-1"}) == []


def test_nothing_is_to_be_reported_of_the_days_that_were_billed_or_reported_last() -> None:
    today = {**BILLED.days, "flat": "d-3"}
    assert (BILLED.is_of(BILLED.days, ()), BILLED.is_of(today, ())) == (True, False)
    reported = replace(BILLED, reported=today)
    assert (reported.is_of(BILLED.days, ()), reported.is_of(today, ())) == (False, True)
    assert not replace(BILLED, recheck=True).is_of(BILLED.days, ())


def test_that_all_files_were_gone_when_it_was_reported_is_known() -> None:
    reported = replace(BILLED, reported={})
    assert (reported.is_of({}, ()), reported.is_of(BILLED.days, ())) == (True, False)


def test_what_was_reported_is_compared_from_then_on() -> None:
    again = replace(BILLED, recheck=True).as_reported({"01": "d-9"}, ())
    assert again == replace(BILLED, reported={"01": "d-9"}, recheck=False)


def test_a_contract_that_the_state_file_settles_no_longer_is_to_be_reported_once() -> None:
    by_hand = replace(BILLED, by_hand=("c-1", "c-2"))
    assert by_hand.is_of(BILLED.days, {"c-1", "c-2", "c-3"})
    assert not by_hand.is_of(BILLED.days, {"c-2"})
    assert by_hand.as_reported(BILLED.days, {"c-2"}).by_hand == ("c-2",)
