"""What a look at Clazar's records says of a line: every answer, with its evidence and words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.domain.ledger import lookup
from functions.domain.ledger.entry import (
    DUPLICATE,
    NOT_ACCEPTED,
    OTHER_QUANTITY,
    TAKEN_OVER,
    UNCLAIMED,
    Attempt,
    Entry,
    Line,
    LineState,
)
from functions.domain.ledger.listing import Listing, Stored
from functions.domain.ledger.lookup import Look
from functions.domain.ledger.owner import Owner, owners_of
from tests import builders
from tests.differential.steadily import steadily

ASKED: tuple[LineState, ...] = ("unsure", "sent", "present")
OTHER = "S:E:other"


def a_line(state: Any, **fields: Any) -> Line:
    return builders.a_line("cpu", state, **fields)


def an_entry(*lines: Line, sent: bool = False) -> Entry:
    names = tuple(line.dimension for line in lines)
    attempt = Attempt(id="a", execution="x", at="t", dimensions=names, request="")
    return builders.an_entry(*lines, attempts=(attempt,) if sent else ())


def a_listing(*records: Stored, **doubts: str) -> Listing:
    stored = {f"{number}": record for number, record in enumerate(records)}
    reasons = {"" if name == "any" else name: text for name, text in doubts.items()}
    return Listing({"cpu": stored}, reasons)


def look(
    line: Line,
    *records: Stored,
    owners: tuple[Owner, ...] = (),
    over: bool = True,
    sent: bool | None = None,
    **doubts: str,
) -> Look:
    entry = an_entry(line, sent=line.state != "unsure" if sent is None else sent)
    return lookup.looked(entry, a_listing(*records, **doubts), owners, lambda _: over)


def test_a_record_of_our_quantity_that_strayed_to_another_window_is_a_doubt() -> None:
    """Whoever sent it: we did, or an earlier program."""
    listing = Listing(strays={"cpu": {"1": Stored(record_id="r-1", quantity="5", strayed=True)}})

    def said(line: Line, *, sent: bool) -> Look:
        return lookup.looked(an_entry(line, sent=sent), listing, (), lambda _: True)

    doubtful = said(a_line("sent"), sent=True)
    assert (doubtful.entry.lines[0].state, doubtful.free) == ("sent", set())
    assert "r-1 has this quantity" in doubtful.entry.lines[0].message
    assert not said(a_line("unsure"), sent=False).free
    assert said(replace(a_line("sent"), quantity="6"), sent=True).free == {"cpu"}
    decided = replace(a_line("unsure"), evidence=NOT_ACCEPTED)
    assert said(decided, sent=True).free == {"cpu"}


def looked(line: Line, *records: Stored, **given: Any) -> Line:
    """Return the line as it is now known; it may not be sent."""
    found = look(line, *records, **given)
    assert not found.free
    return found.entry.lines[0]


def is_free(line: Line, *records: Stored, **given: Any) -> bool:
    """Return whether the line may be sent, as it is."""
    found = look(line, *records, **given)
    assert found.entry.lines == (line,) or not found.free, "a look frees and changes nothing"
    return bool(found.free)


def stored(quantity: str = "5", name: str = "r-1", **fields: Any) -> Stored:
    return Stored(record_id=name, quantity=quantity, **fields)


def theirs(quantity: str = "", plan: str = OTHER, dimension: str = "cpu") -> Owner:
    return Owner(plan, dimension if quantity else "", quantity)


# Our quantity is there


def test_a_dimension_that_is_listed_in_another_case_is_ours() -> None:
    listing = Listing({"CPU": {"1": stored()}})
    found = lookup.looked(an_entry(a_line("sent"), sent=True), listing, (), lambda _: True)
    assert found.entry.lines[0].state == "accepted"


def test_our_quantity_is_acceptance_with_the_listed_record_as_evidence() -> None:
    for state in ASKED:
        line = a_line(state, message="was a doubt")
        records = [stored("6.0", "r-0", status="undecided"), stored("5.0")]
        accepted = a_line("accepted", evidence="listing", record_id="r-1")
        assert looked(line, *records, sent=True) == accepted
        assert looked(line, stored(), sent=False) == replace(accepted, evidence=TAKEN_OVER)
    assert looked(a_line("sent"), stored(), over=False).state == "accepted", "it is settled"
    assert looked(a_line("sent"), stored(), any="a row").state == "accepted", "no doubt about it"


# Another record is there


def test_another_quantity_is_refused_and_names_both_and_the_record() -> None:
    message = "Clazar bills cpu for this contract and month: 6 (record r-1), not the 5 of this plan"
    for state in ASKED:
        assert looked(a_line(state), stored("6")) == a_line(
            "refused",
            billed="6",
            code=DUPLICATE,
            message=message,
            errors=(message,),
            record_id="r-1",
        )


def test_what_clazar_bills_of_several_other_records_is_their_sum() -> None:
    line = looked(a_line("unsure"), stored("6"), stored("7.5", ""), stored("1e3", "r-3"))
    assert line.billed == "1013.5"
    assert "6 (record r-1), 7.5 (record without id), 1e3 (record r-3), not the 5" in line.message


def test_long_listings_are_named_in_part_and_counted() -> None:
    records = [stored("6", f"r-{number}") for number in range(12)]
    line = looked(a_line("unsure"), *records)
    assert "6 (record r-9), and 2 more, not the 5 of this plan" in line.message
    assert (line.billed, "Clazar bills 12 records" in line.surplus) == ("72", True)


def test_our_quantity_in_another_hour_is_another_record() -> None:
    line = looked(a_line("unsure"), stored(whole=False))
    assert (line.state, line.billed) == ("refused", "5")
    assert "5 of a part of the month (record r-1), not the 5 of this plan" in line.message


def test_another_record_waits_for_a_request_that_may_be_on_its_way() -> None:
    assert looked(a_line("sent"), stored("6"), over=False) == a_line("sent")
    assert looked(a_line("sent"), stored("6"), over=True).state == "refused"
    assert looked(a_line("unsure"), stored("6"), over=False).state == "refused"


def test_what_is_billed_counts_as_billed_only_where_it_is_more() -> None:
    assert looked(a_line("unsure"), stored("6")).taken == "6"
    assert looked(a_line("sent"), stored("0")).billed == "0", "nothing is another quantity"
    assert looked(a_line("unsure"), stored("4")).taken == "5", "the rest is still to be settled"
    assert replace(looked(a_line("unsure"), stored("4")), state="accepted").taken == "4"


# Records of other plans


@pytest.mark.parametrize(
    ("owners", "records", "state"),
    [
        ((theirs("5"),), (stored(),), "refused"),
        ((theirs("5.0"),), (stored(),), "refused"),
        ((theirs("5"),), (stored(), stored(name="r-2")), "accepted"),
        ((theirs("5"), theirs("5", "S:E:3")), (stored(), stored(name="r-2")), "refused"),
        ((theirs("7"),), (stored(),), "accepted"),
        ((theirs("7"),), (stored("7"), stored(name="r-2")), "accepted"),
        ((theirs("7"),), (stored("7"),), "refused"),
        ((theirs(),), (stored(),), "refused"),
        ((theirs(),), (stored(), stored(name="r-2")), "accepted"),
        ((theirs("5", dimension="mem"),), (stored(),), "accepted"),
    ],
)
def test_owners_are_distinguished_by_their_quantity(
    owners: tuple[Owner, ...], records: tuple[Stored, ...], state: str
) -> None:
    for before in ASKED:
        assert looked(a_line(before), *records, owners=owners).state == state


def test_a_record_that_another_plan_accounts_for_is_named_as_its() -> None:
    head = "Clazar bills cpu for this contract and month: "
    line = looked(a_line("unsure"), stored("7"), owners=(theirs("7"),))
    assert line.message == (
        f"{head}7 (record r-1), which {OTHER} accounts for; the 5 of this plan is not listed"
    )
    assert (line.billed, line.taken) == ("0", "5"), "nothing of it is ours"
    assert replace(line, state="accepted").taken == "0"
    same = looked(a_line("unsure"), stored("5"), owners=(theirs("5"),))
    assert same.billed == "", "the other plan may be this one, renamed"
    both = looked(a_line("unsure"), stored(), owners=(theirs(), theirs("5", "S:E:3")))
    assert f"which S:E:3, {OTHER} accounts for" in both.message


def test_of_two_plans_that_sent_the_same_neither_takes_the_one_record_that_is_billed() -> None:
    first = looked(a_line("sent"), stored(), owners=(theirs("5"),))
    assert (first.state, first.evidence) == ("refused", UNCLAIMED)
    assert an_entry(first, sent=True).may_be_billed == (first,), "the other plan is told of it"
    other = looked(a_line("present"), stored(), owners=(theirs("5"),))
    assert other.state == "refused"
    rejected = looked(a_line("present", code="DUPLICATE"), stored(), owners=(theirs("5"),))
    assert an_entry(rejected, sent=True).may_be_billed == (), "its record was never stored"
    never = looked(a_line("unsure"), stored(), owners=(theirs("5"),))
    assert an_entry(never).may_be_billed == ()


def test_of_other_plans_records_only_what_none_accounts_for_is_counted() -> None:
    line = looked(a_line("unsure"), stored("7"), stored("8", "r-2"), owners=(theirs("7"),))
    assert (line.billed, line.record_id) == ("8", "r-2")
    of_whichever = looked(a_line("unsure"), stored("7"), stored("8", "r-2"), owners=(theirs(),))
    assert of_whichever.billed == "8", "one of them is the other plan's, nobody knows which"
    assert looked(a_line("unsure"), stored("7"), owners=(theirs(),)).billed == "0"


# More records than owners


def test_more_records_than_owners_may_be_a_double_bill_and_are_reported_with_their_ids() -> None:
    text = (
        "Clazar bills 2 records of cpu for this contract and month, 5 (record r-1), "
        "5 (record r-2); the customer may be charged more than once"
    )
    twice = looked(a_line("sent"), stored(), stored(name="r-2"))
    assert (twice.state, twice.surplus) == ("accepted", text)
    assert looked(a_line("sent"), stored()).surplus == ""
    assert looked(a_line("sent"), stored(), stored(name="r-2"), owners=(theirs("5"),)).surplus == ""
    refused = looked(a_line("unsure"), stored("6"), stored("7", "r-2"))
    assert refused.surplus.startswith("Clazar bills 2 records of cpu")
    failed = stored(name="r-2", status="undecided")
    assert looked(a_line("sent"), stored(), failed).surplus == "", "it is not billed yet"


# Nothing is there, or nobody can tell


def test_an_undecided_record_is_waited_for() -> None:
    text = "record r-1 is listed, but it is not clear whether it is billed"
    for state, waiting in (("unsure", "present"), ("sent", "sent"), ("present", "present")):
        found = looked(a_line(state), stored(status="undecided"))
        assert found == a_line(waiting, message=text)


def test_a_doubt_never_frees() -> None:
    for doubts in ({"cpu": "a row of cpu"}, {"any": "a row"}):
        (text,) = doubts.values()
        for state, waiting in (("unsure", "present"), ("sent", "sent"), ("present", "present")):
            found = looked(a_line(state), **doubts)
            assert found == a_line(waiting, message=text)
    assert is_free(a_line("unsure"), mem="a row of another dimension")


def test_an_operators_word_frees_only_what_was_not_sent_since() -> None:
    assert is_free(a_line("unsure", evidence=NOT_ACCEPTED), any="a row")
    sent_since = a_line("sent", evidence=NOT_ACCEPTED)
    assert looked(sent_since, any="a row") == replace(sent_since, message="a row")
    resent = a_line("unsure", evidence=NOT_ACCEPTED, doubts=1)
    assert looked(resent, any="a row").state == "present"


def test_not_being_listed_lets_a_line_leave_only_after_its_request_is_over() -> None:
    assert not is_free(a_line("sent"), over=False)
    assert is_free(a_line("sent"))
    for state in ("unsure", "present"):
        assert is_free(a_line(state), over=False)


def test_after_an_unknown_outcome_a_listing_that_is_not_understood_shows_no_absence() -> None:
    listing = Listing(unclear="index 'rebuilding' is not understood")

    def said(line: Line) -> Look:
        return lookup.looked(an_entry(line, sent=True), listing, (), lambda _: True)

    assert said(a_line("sent")).entry.lines == (a_line("sent", message=listing.unclear),)
    assert said(a_line("unsure")).free == {"cpu"}
    again = said(a_line("unsure", doubts=1))
    assert not again.free, "it was sent before the request that was not taken"
    decided = a_line("unsure", evidence=NOT_ACCEPTED)
    assert said(decided).free == {"cpu"}, "an operator has looked"


def test_each_line_is_asked_about_its_own_request() -> None:
    lines = [replace(a_line("sent"), dimension=name) for name in ("cpu", "mem")]
    found = lookup.looked(
        an_entry(*lines, sent=True), Listing(), (), lambda line: line.dimension == "mem"
    )
    assert (found.entry, found.free) == (an_entry(*lines, sent=True), {"mem"})


def test_a_duplicate_without_a_billed_record_is_refused_in_words_if_it_was_never_in_doubt() -> None:
    message = "Clazar rejects the record as a duplicate but lists no billed one of this plan"
    assert looked(a_line("present", code="ALREADY")) == a_line(
        "refused", code=DUPLICATE, message=message, errors=(message,)
    )
    held = a_line("present", code="DUPLICATE", doubts=1)
    assert looked(held) == held, "its listing lags: the first request may be what it has"
    assert looked(held, stored()).state == "accepted"
    assert looked(held, stored("6")).state == "refused"
    other = a_line("present", code=OTHER_QUANTITY)
    assert looked(other) == other
    assert looked(other, stored("6")).billed == "6"


def test_lines_that_need_no_look_are_left_alone() -> None:
    for state in ("accepted", "refused", "waived"):
        line = a_line(state)
        assert looked(line, stored("6"), any="a row") == line


def test_where_there_is_no_listing_a_second_rejection_of_our_own_record_is_evidence() -> None:
    lines = [
        a_line("unsure"),
        a_line("present", code="DUPLICATE", doubts=1),
        a_line("present", code="DUPLICATE"),
        a_line("present", doubts=1),
        a_line("sent", doubts=1),
        a_line("refused"),
    ]
    entry = an_entry(*lines)
    accepted = replace(lines[1], state="accepted", evidence="duplicate rejection")
    assert lookup.not_listable(entry) == Look(
        replace(entry, lines=(lines[0], accepted, *lines[2:])), {"cpu"}
    )


records = st.builds(
    Stored,
    record_id=st.sampled_from(["r-1", "r-2", "r-3"]),
    quantity=st.sampled_from(["5", "5.0", "6"]),
    status=st.sampled_from(["billed", "undecided"]),
    whole=st.booleans(),
)
owners = st.builds(Owner, st.just(OTHER), st.sampled_from(["", "cpu"]), st.sampled_from(["", "5"]))
lines = st.builds(
    a_line,
    st.sampled_from(ASKED),
    code=st.sampled_from(["", "DUPLICATE", OTHER_QUANTITY]),
    doubts=st.integers(0, 2),
    evidence=st.sampled_from(["", NOT_ACCEPTED]),
)


@steadily
@given(
    line=lines,
    listed=st.lists(records, max_size=3),
    of=st.lists(owners, max_size=2).map(tuple),
    over=st.booleans(),
    doubts=st.sampled_from([{}, {"any": "a row"}, {"mem": "a row"}]),
)
def test_a_line_is_sent_only_if_nothing_of_it_is_listed_and_nothing_is_on_its_way(
    *, line: Line, listed: list[Stored], of: tuple[Owner, ...], over: bool, doubts: Any
) -> None:
    found = look(line, *listed, owners=of, over=over, **doubts)
    (after,) = found.entry.lines
    if found.free:
        assert not listed
        assert over or line.state != "sent"
        assert not line.code
        assert "any" not in doubts or line.evidence == NOT_ACCEPTED
    if after.state == "accepted":
        ours = [r for r in listed if r.status == "billed" and r.whole and r.quantity != "6"]
        assert len(ours) > len(of), "each owner may have one of them"
    assert (after.quantity, after.dimension) == ("5", "cpu")


@pytest.mark.parametrize(
    ("owner", "state"),
    [
        (Owner(OTHER, "cpu", "7", certain=True), "free"),
        (Owner(OTHER, "cpu", "7"), "refused"),
        (Owner(OTHER, "cpu", "5", certain=True), "refused"),
        (Owner(OTHER), "refused"),
    ],
)
def test_a_record_that_another_plan_was_billed_for_with_another_quantity_is_not_in_the_way(
    owner: Owner, state: str
) -> None:
    found = look(a_line("unsure"), stored(owner.quantity or "7"), owners=(owner,))
    assert ("free" if "cpu" in found.free else found.entry.lines[0].state) == state


def test_other_plans_account_for_what_is_billed_or_may_be() -> None:
    states: tuple[LineState, ...] = ("accepted", "sent", "present", "unsure", "waived")
    lines = [builders.a_line(state, state, quantity="5") for state in states]
    entry = builders.an_entry(*lines, plan=OTHER)
    assert owners_of([entry]) == [
        Owner(OTHER, "accepted", "5", certain=True),
        Owner(OTHER, "sent", "5"),
        Owner(OTHER, "present", "5"),
    ]
    larger = builders.an_entry(builders.a_line("cpu", "accepted", billed="7"), plan=OTHER)
    assert owners_of([larger]) == [Owner(OTHER, "cpu", "7", certain=True)]


def test_quantities_of_any_length_add_up_exactly() -> None:
    line = looked(a_line("unsure"), stored(str(10**40)), stored("1", "r-2"))
    assert line.billed == str(10**40 + 1)
