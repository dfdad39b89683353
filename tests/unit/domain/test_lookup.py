"""What a look at Clazar's records says of a line: every answer, with its evidence and words."""

from msgspec.structs import replace

from functions.domain import lookup
from functions.domain.answers import Stored
from functions.domain.ledger_entry import DUPLICATE, Entry, Line, LineState


def a_line(state: LineState, *, code: str = "", in_doubt_before: bool = False) -> Line:
    return Line(
        dimension="cpu", quantity="5", state=state, code=code, in_doubt_before=in_doubt_before
    )


def an_entry(*lines: Line) -> Entry:
    return Entry(
        plan="S:E:P",
        month="2025-07",
        contract_id="c-1",
        execution="x",
        claimed_at="t",
        lines=lines,
    )


def looked(line: Line, *records: Stored, foreign: int = 0, over: bool = True) -> Line:
    others = {"cpu": foreign} if foreign else {}
    found = lookup.looked(an_entry(line), {"cpu": records}, others, request_over=over)
    return found.lines[0]


def stored(quantity: str = "5", status: str = "success", name: str = "r-1") -> Stored:
    return Stored(record_id=name, quantity=quantity, status=status)


ASKED: tuple[LineState, ...] = ("unsure", "sent", "present")


def test_our_quantity_is_acceptance_with_the_listed_record_as_evidence() -> None:
    for state in ASKED:
        assert looked(a_line(state), stored("6", "fail", "r-0"), stored()) == replace(
            a_line(state), state="accepted", evidence="listing", record_id="r-1"
        )


def test_another_quantity_is_refused_and_names_both_and_the_record() -> None:
    message = (
        "Clazar already bills 6 of cpu for this contract and month (record r-1), sent by somebody "
        "else or with another quantity; ours is 5 and was not billed"
    )
    for state in ASKED:
        assert looked(a_line(state), stored("6"), stored("7", name="r-2")) == replace(
            a_line(state),
            state="refused",
            code=DUPLICATE,
            message=message,
            errors=(message,),
            record_id="r-1",
        )


def test_as_many_records_as_other_plans_have_are_theirs() -> None:
    assert looked(a_line("sent"), stored(), stored(), foreign=2).state == "refused"
    assert looked(a_line("sent"), stored(), stored(), stored(), foreign=2).state == "accepted"


def test_an_undecided_record_is_waited_for() -> None:
    for status in ("pending", "SUCCESS", "None"):
        assert looked(a_line("unsure"), stored(status=status)) == a_line("present")
        assert looked(a_line("sent"), stored(status=status)) == a_line("sent")


def test_records_that_failed_say_nothing_of_this_request() -> None:
    for status in ("fail", "error"):
        assert looked(a_line("unsure"), stored(status=status)) == a_line("open")


def test_not_being_listed_lets_a_line_leave_only_after_its_request_is_over() -> None:
    assert looked(a_line("unsure"), over=False) == a_line("open")
    assert looked(a_line("sent"), over=False) == a_line("sent")
    assert looked(a_line("sent")) == a_line("open", in_doubt_before=True)
    assert looked(a_line("present"), over=False) == a_line("present")
    assert looked(a_line("present")) == a_line("open")


def test_a_duplicate_without_a_billed_record_is_refused_in_words() -> None:
    message = "Clazar refuses the record as a duplicate but lists no billed one"
    assert looked(a_line("present", code="ALREADY")) == replace(
        a_line("present"), state="refused", code=DUPLICATE, message=message, errors=(message,)
    )


def test_lines_that_need_no_look_are_left_alone() -> None:
    for state in ("open", "accepted", "refused", "waived"):
        assert looked(a_line(state), stored("6")) == a_line(state)


def test_a_dimension_that_clazar_does_not_list_is_absent_and_nobody_elses() -> None:
    found = lookup.looked(an_entry(a_line("unsure")), {}, {}, request_over=False)
    assert found == an_entry(a_line("open"))


def test_where_there_is_no_listing_a_second_rejection_of_our_own_record_is_evidence() -> None:
    lines = [
        a_line("unsure"),
        a_line("present", in_doubt_before=True),
        a_line("present"),
        a_line("sent", in_doubt_before=True),
    ]
    entry = an_entry(*lines)
    assert lookup.not_listable(entry) == replace(
        entry,
        lines=(
            a_line("open"),
            replace(lines[1], state="accepted", evidence="duplicate rejection"),
            *lines[2:],
        ),
    )
