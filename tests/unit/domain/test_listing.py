"""What Clazar lists: every row is placed, another's, or a doubt. Not understood is not absent."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.ledger.listing import Listing, Stored, with_rows
from functions.domain.ledger.reading import (
    read_quantity,
    read_time,
    same_contract,
    same_dimension,
    same_quantity,
    spellings,
)
from tests.builders import AUGUST_2, JULY
from tests.differential.steadily import steadily

A_UUID = "1b4e28ba-2fa1-11d2-883f-b9a761bde3fb"
CPU = {
    "id": "r-1",
    "contract_id": "c-1",
    "dimension": "cpu",
    "start_time": "2025-07-01T00:00:00Z",
    "quantity": "5",
    "status": "success",
}


def listed(*rows: Any, contract: str = "c-1", now: datetime = AUGUST_2) -> Listing:
    return with_rows(Listing(), rows, contract, JULY, now)


def a_record(record_id: str = "r-1", quantity: str = "5", **fields: Any) -> Stored:
    return Stored(record_id=record_id, quantity=quantity, **fields)


# Rows that are placed


def test_a_row_is_stored_under_its_dimension_with_its_id_and_quantity() -> None:
    found = listed(CPU, {**CPU, "id": 2, "dimension": "mem", "quantity": 7.0})
    assert found.of("cpu") == (a_record(),)
    assert found.of("mem") == (a_record("2", "7.0"),)
    assert found.of("disk") == ()
    assert found.doubts == {}


@pytest.mark.parametrize(
    "begins",
    [
        *("2025-07-01T00:00:00", "2025-07-01 00:00:00", "2025-07-01 00:00:00 UTC", "2025-07-01"),
        *("2025-07-01T00:00:00.000000Z", "2025-07-01t00:00:00z", "2025-07-01T00:00Z", "20250701"),
        *("2025-07-01T02:00:00+02:00", "2025-06-30T17:00:00-07:00", " 2025-07-01T00:00:00Z "),
        *(1_751_328_000, 1_751_328_000.0, "1751328000", 1_751_328_000_000, "1751328000000"),
        *("1751328000000000", 1_751_328_000_000_000_000),
        *("Tue, 01 Jul 2025 00:00:00 GMT", "Tue, 1 Jul 2025 02:00 +0200"),
    ],
)
@pytest.mark.usefixtures("machine_in_new_york")
def test_a_time_that_has_one_sensible_reading_is_read(begins: Any) -> None:
    assert read_time(begins) == JULY.start
    assert listed({**CPU, "start_time": begins}) == listed(CPU)


@pytest.mark.parametrize(
    "begins",
    [
        *(None, "", "soon", True, False, 0, 1, 2025, -1, 10**14, float("nan"), float("inf"), "NaN"),
        *(10**9 - 1, 2 * 10**9),
        *([], {}, ["2025-07-01"], "2025-07", "2025-13-01", "01/07/2025"),
        *("Tue, 01 Jul 2025 00:00:00 CEST", "Tue, 41 Jul 2025 00:00 GMT", "20250701000000"),
        "0001-01-01T00:00:00+01:00",
    ],
)
def test_a_time_that_has_none_is_a_doubt_of_its_dimension(begins: Any) -> None:
    assert read_time(begins) is None
    found = listed({**CPU, "start_time": begins})
    assert found.of("cpu") == ()
    assert found.doubt("cpu") == f"record r-1: start_time {begins!r} is not understood"
    assert found.doubt("mem") == "", "it is a record of cpu, whenever it begins"


@steadily
@given(
    st.datetimes(datetime(2001, 9, 10), datetime(2033, 1, 1)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_an_instant_is_read_the_same_in_every_dialect(naive: datetime, minutes: int) -> None:
    instant = naive.replace(tzinfo=UTC, microsecond=0)
    elsewhere = instant.astimezone(timezone(timedelta(minutes=minutes)))
    seconds = int(instant.timestamp())
    dialects = [
        instant.isoformat(),
        instant.replace(tzinfo=None).isoformat(),
        f"{instant:%Y-%m-%d %H:%M:%S UTC}",
        elsewhere.isoformat(),
        seconds,
        str(seconds),
        float(seconds),
        seconds * 1000,
        seconds * 10**6,
        f"{instant:%a, %d %b %Y %H:%M:%S GMT}",
    ]
    assert [read_time(text) for text in dialects] == [instant] * len(dialects)


@steadily
@given(st.uuids(), st.sampled_from([str, lambda u: u.hex, lambda u: u.urn, lambda u: f"{{{u}}}"]))
def test_a_contract_id_that_is_a_uuid_is_the_same_in_every_spelling(ours: UUID, write: Any) -> None:
    listed_as = [write(ours), write(ours).upper(), f" {write(ours)}\n"]
    for spelling in (str(ours), str(ours).upper(), ours.hex):
        assert [same_contract(text, spelling) for text in listed_as] == [True] * 3
        assert same_contract(write(UUID(int=ours.int ^ 1)), spelling) is False


@pytest.mark.parametrize(
    ("same", "contracts"),
    [
        (True, ["c-1", " c-1 "]),
        (None, ["C-1", "", None, True, ["c-1"], {"id": "c-1"}, "c_1", "c%2D1", "c&#45;1"]),
        (False, ["c-11", 7, A_UUID]),
    ],
)
def test_a_contract_id_is_ours_anothers_or_nobody_can_tell(same: Any, contracts: list[Any]) -> None:
    for contract in contracts:
        assert same_contract(contract, "c-1") is same
        found = listed({**CPU, "contract_id": contract})
        assert len(found.of("cpu")) == (same is True)
        doubt = f"record r-1: contract_id {contract!r} is not understood"
        assert found.doubts == ({"cpu": doubt} if same is None else {})
    assert listed({**CPU, "contract_id": 7}, contract="7").of("cpu") == (a_record(),)


def test_a_contract_is_looked_up_in_its_usual_spellings() -> None:
    assert spellings("c-1 b") == {"c-1 b", "C-1 B"}
    assert spellings("aCme-one") == {"aCme-one", "acme-one", "ACME-ONE", "Acme-One"}
    bare = A_UUID.replace("-", "")
    usual = {A_UUID, A_UUID.upper(), bare, bare.upper()}
    assert spellings(A_UUID) == spellings(bare) == usual
    assert spellings(f"{{{A_UUID}}}") == usual | {f"{{{A_UUID}}}", f"{{{A_UUID}}}".upper()}


@pytest.mark.parametrize("written", ["CPU core hours", "cpu-core-hours", " Cpu_Core_Hours "])
def test_dimensions_compare_by_their_letters_and_digits(written: str) -> None:
    assert same_dimension(written, "cpu_core_hours")
    found = listed({**CPU, "dimension": written})
    assert found.by(["cpu_core_hours"]).of("cpu_core_hours") == (a_record(),)
    assert not any(same_dimension(other, "cpu") for other in ("cp", "", None, 3, ["cpu"]))


@pytest.mark.parametrize(
    ("known", "statuses"),
    [("billed", ["success", "SUCCESS", " Success "]), ("undecided", ["pending", None, "", True])],
)
def test_a_record_is_billed_or_may_be(known: Any, statuses: list[Any]) -> None:
    for status in statuses:
        assert listed({**CPU, "status": status}).of("cpu") == (a_record(status=known),)


def test_a_record_that_contradicts_itself_may_be_billed() -> None:
    said: tuple[dict[str, Any], ...] = ({"status": "failed", "billed": True},)
    said += ({"status": "error", "aws_status": "accepted"}, {"status": "pending", "quantity": "0"})
    for fields in said:
        assert [record.status for record in listed({**CPU, **fields}).of("cpu")] == ["undecided"]


@pytest.mark.parametrize(
    "said",
    [
        *({"deleted": True}, {"voided_at": "2025-08-03T00:00:00Z"}, {"is_reversed": 1}),
        *({"billed": False}, {"marketplace_status": "fail"}, {"errors": ["EXPIRED"]}),
        *({"type": "reversal"}, {"refundedOn": "2025-08-03"}, {"canceled": "yes"}),
        *({"voided_by": "somebody"}, {"superseded": True}, {"sync_status": "failed"}),
        {"payment_status": "refunded"},
    ],
)
def test_a_record_that_was_taken_back_may_be_billed_or_not(said: dict[str, Any]) -> None:
    assert listed({**CPU, **said}).of("cpu") == (a_record(status="undecided"),)
    fine = dict.fromkeys((*said, "voided_at"), None) | {"billed": True, "type": "usage"}
    named = {"custom_properties": {"state": "cancelled"}, **fine}
    others = {"contract_status": "cancelled", "previous_state": "failed", "buyer_type": "deleted"}
    assert listed({**CPU, **named, **others}).of("cpu") == (a_record(),)


@pytest.mark.parametrize(
    ("whole", "begins"),
    [
        (True, ["01T00:00:00Z", "01T00:59:59.999999Z"]),
        (False, ["01T01:00:00Z", "13T10:00:00Z", "31T23:59:59Z", "31T19:59:59-04:00"]),
    ],
)
def test_a_row_in_another_hour_of_the_month_is_stored_but_covers_a_part_of_it(
    *, whole: bool, begins: list[str]
) -> None:
    for text in begins:
        found = listed({**CPU, "start_time": f"2025-07-{text}"})
        assert found.of("cpu") == (a_record(whole=whole),)


def test_several_records_of_a_window_are_distinguished_by_their_ids() -> None:
    found = listed(CPU, {**CPU, "id": "r-2"}, CPU)
    assert found.of("cpu") == (a_record(), a_record("r-2"))
    again = with_rows(found, [{**CPU, "id": "r-2"}, {**CPU, "id": "r-3"}], "c-1", JULY, AUGUST_2)
    assert [record.record_id for record in again.of("cpu")] == ["r-1", "r-2", "r-3"]


def test_a_record_that_says_two_things_of_itself_may_be_billed_or_not() -> None:
    for said in ({"quantity": "7"}, {"status": "fail"}, {"quantity": 0}):
        both = [CPU, {**CPU, **said}]
        for rows in (both, both[::-1]):
            found = listed(*rows).by({"cpu"}).of("cpu")
            assert [record.status for record in found] == ["undecided"]
    assert listed(CPU, CPU).of("cpu") == (a_record(),)


def test_a_record_below_zero_is_a_doubt() -> None:
    assert listed({**CPU, "quantity": "-4"}).doubt("cpu").endswith("'-4' is not understood")


def test_records_without_ids_are_distinguished_by_their_places() -> None:
    nameless = {name: value for name, value in CPU.items() if name != "id"}
    assert listed(nameless, nameless).of("cpu") == (a_record(""), a_record(""))
    turned = dict(reversed(nameless.items()))
    assert with_rows(listed(nameless), [turned], "c-1", JULY, AUGUST_2).of("cpu") == (a_record(""),)
    another = with_rows(listed(nameless), [{**nameless, "quantity": "6"}], "c-1", JULY, AUGUST_2)
    assert another.of("cpu") == (a_record(""), a_record("", "6"))


# Names that are alike


def test_a_record_is_of_the_dimension_that_it_names_whatever_is_alike() -> None:
    found = listed({**CPU, "dimension": "tier1_0"}).by(["tier1_0", "tier10"])
    assert (found.of("tier1_0"), found.of("tier10")) == ((a_record(),), ())
    assert found.doubts == {}


def test_a_record_that_may_be_of_several_dimensions_is_a_doubt_for_each() -> None:
    rows = [{**CPU, "dimension": "Tier 1-0"}, {**CPU, "dimension": "TIER10", "quantity": "?"}]
    found = listed(*rows).by(["tier1_0", "tier10", "cpu"])
    assert found.doubt("tier1_0") == "records of 'Tier 1-0' may be of tier10 or of tier1_0"
    assert (set(found.doubts), found.doubt("cpu")) == ({"tier10", "tier1_0"}, "")


# Rows that are another's


@pytest.mark.parametrize(
    "time", ["2025-06-30T10:00:00Z", "2025-06-30T22:00:00", "2025-08-01T00:00:01Z", 1_754_100_003]
)
def test_a_record_outside_the_month_whose_window_is_no_month_may_have_strayed(time: object) -> None:
    listing = listed({**CPU, "start_time": time})
    assert (listing.of("cpu"), listing.doubts) == ((), {})
    for found in (listing, with_rows(listing, [CPU], "c-1", JULY, AUGUST_2)):
        assert found.by(["CPU"]).stray("CPU", "5") == (
            "record r-1 has this quantity, but not the window of a month"
        )
    assert listing.stray("cpu", "6") == listing.stray("mem", "5") == ""


@pytest.mark.parametrize("fields", [{"contract_id": None}, {"quantity": "?"}, {"dimension": 3}])
def test_a_record_that_may_have_strayed_and_is_not_understood_is_a_doubt(
    fields: dict[str, Any],
) -> None:
    assert listed({**CPU, "start_time": "2025-08-02T03:04:05Z", **fields}).doubt("cpu")


def test_a_record_of_a_month_that_is_not_over_may_have_strayed_there() -> None:
    of_august = {**CPU, "start_time": "2025-08-01T00:00:00Z"}
    assert listed(of_august).stray("cpu", "5")
    assert not listed(of_august, now=datetime(2025, 9, 1, tzinfo=UTC)).stray("cpu", "5")


def test_records_that_are_known_to_be_of_other_months_are_left_out() -> None:
    part, stray = {**CPU, "start_time": "2025-07-02"}, {**CPU, "start_time": "2025-08-02"}
    assert not listed(CPU).has_moved
    for moved in (part, stray):
        found = listed(moved)
        assert found.has_moved
        assert not found.without({"r-1"}).has_moved
        assert found.without({"r-2"}) == found


@pytest.mark.parametrize(
    "written", ["https://api.example/contracts/c-1/", "contract_c-1", "C-1", "\uff43-1"]
)
def test_a_contract_id_in_another_form_may_be_ours(written: str) -> None:
    assert listed({**CPU, "contract_id": written}).doubt("cpu")
    assert listed({**CPU, "contract_id": 12345}, contract="0012345").doubt("cpu")
    assert listed({**CPU, "contract_id": "c-e\u0301"}, contract="c-\u00e9").doubt("cpu")


@pytest.mark.parametrize(
    "fields",
    [
        *({"start_time": t} for t in ("2025-06-29T09:59:59Z", "2025-06-01", 1_700_000_000)),
        *({"contract_id": name} for name in ("c-2", "c-10", "xc-1")),
        *({"status": text} for text in ("fail", "Error", "failed", " REJECTED")),
        *({"quantity": nothing} for nothing in ("0", 0, "0.00")),
        {"contract_id": "c-2", "start_time": None, "dimension": None},
        {"start_time": "2025-06-01", "contract_id": None, "quantity": "?"},
        {"status": "fail", "quantity": None, "start_time": None, "dimension": 3},
    ],
)
def test_rows_of_other_contracts_or_months_and_failed_ones_say_nothing(
    fields: dict[str, Any],
) -> None:
    assert listed({**CPU, **fields}).by({"cpu"}) == Listing()


# Rows that are a doubt


@pytest.mark.parametrize(
    ("row", "dimension", "doubt"),
    [
        ("row", "", "'row' is not a record"),
        (None, "", "None is not a record"),
        ([CPU], "", "[{'id': 'r-1'"),
        ({}, "", "record None: contract_id None is not understood"),
        *(
            ({**CPU, "dimension": name}, "", f"record r-1: dimension {name!r} is not understood")
            for name in (None, 3, " ")
        ),
        *(
            ({**CPU, "quantity": text}, "cpu", f"record r-1: quantity {text!r} is not understood")
            for text in ("five", None, "NaN")
        ),
        ({**CPU, "dimension": "MEM", "start_time": ""}, "MEM", "record r-1: start_time ''"),
        ({**CPU, "contract_id": None}, "cpu", "record r-1: contract_id None is not understood"),
    ],
)
def test_a_row_that_cannot_be_placed_is_a_doubt_of_its_dimension_or_of_all(
    row: Any, dimension: str, doubt: str
) -> None:
    found = listed(row)
    assert found.stored == {}
    assert found.doubts.keys() == {dimension}
    assert found.doubt(dimension or "anything").startswith(doubt)
    assert bool(found.doubt("another")) == (not dimension)


def test_the_first_doubt_of_a_dimension_is_kept_and_long_ones_are_cut() -> None:
    first, second = ({**CPU, "start_time": text} for text in ("soon", "later"))
    page = listed(first, second, CPU)
    found = with_rows(page, [second, "row"], "c-1", JULY, AUGUST_2)
    assert page == listed(first, second, CPU), "an earlier page is not changed by a later one"
    assert found.doubts["cpu"] == "record r-1: start_time 'soon' is not understood"
    assert found.of("cpu") == (a_record(),), "what is placed is seen beside it"
    assert len(listed("x" * 1_000).doubt("cpu")) == 80
    assert len(listed({**CPU, "start_time": "x" * 1_000}).doubt("cpu")) == 160


def test_half_a_character_is_shown_as_a_question_mark() -> None:
    found = listed({**CPU, "dimension": "\ud800"}, {**CPU, "id": "\udc00", "quantity": "x"})
    assert found.of("?") == (a_record(),)
    assert found.doubts == {"cpu": "record ?: quantity 'x' is not understood"}


def test_a_quantity_that_is_not_decided_may_be_anything() -> None:
    pending = {**CPU, "status": "pending", "quantity": None}
    assert listed(pending).of("cpu") == (a_record(quantity="None", status="undecided"),)


rows = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from([None, 1, "r-1", "r-2"]),
        "contract_id": st.sampled_from([None, "", "c-1", " c-1", "C-1", 7, True]),
        "dimension": st.sampled_from([None, "", "cpu", "CPU", "mem", 3]),
        "start_time": st.sampled_from([None, "", "soon", "2025-07-01", 1_751_328_000, 5, "2025-7"]),
        "quantity": st.sampled_from([None, "5", 5, "x"]),
        "status": st.sampled_from([None, "success", "pending"]),
    },
)


@steadily
@given(st.lists(rows, max_size=4))
def test_what_may_be_ours_is_never_absent(drawn: list[dict[str, Any]]) -> None:
    """No row is of another contract or month, none has failed: none may disappear."""
    drawn = [row for row in drawn if row.get("contract_id") != 7]
    found = listed(*drawn)
    for row in drawn:
        name = row.get("dimension")
        of_one = name if isinstance(name, str) and name else "any dimension"
        assert found.of(of_one) or found.doubt(of_one)


# Quantities


def test_a_quantity_is_a_number_however_it_is_written_and_another_one_or_none_is_not_it() -> None:
    for written in ("5", "5.0", "5.000000000", 5, 5.0, " 5 ", "5e0", "+5", "05"):
        assert same_quantity(written, "5")
    for other in ("6", "5.1", "-5", "five", "", None, True, [5], "NaN", "Infinity", "5,0", "5 5"):
        assert not same_quantity(other, "5")
        assert read_quantity(other) != 5


def test_each_doubt_stays_one_when_dimensions_are_matched() -> None:
    doubts = {"": "all", "CPU": "of one", "mem": "of another"}
    found = Listing(doubts=doubts).by({"cpu", "mem"})
    assert found.doubts == {"": "all", "cpu": "of one", "mem": "of another"}


def test_zeros_in_front_count_for_nothing_in_numbers_alone() -> None:
    assert same_contract("007", "7") is None
    assert same_contract("0abc", "abc") is False


def test_dimensions_of_signs_alone_are_compared_as_they_stand() -> None:
    assert not same_dimension("%", "#")
    assert same_dimension("%", "%")


def test_the_first_second_that_can_be_a_time_is_one() -> None:
    assert read_time(10**9) == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    assert read_time(10**9 - 1) is None


def test_a_record_from_as_far_as_a_time_zone_goes_may_have_strayed() -> None:
    for hours, strays in ((38, 1), (39, 0)):
        begins = JULY.start - timedelta(hours=hours)
        row = {"id": "r-1", "contract_id": "c-1", "dimension": "cpu", "quantity": "5"}
        found = listed({**row, "status": "success", "start_time": begins.isoformat()})
        assert len(found.strays) == strays
