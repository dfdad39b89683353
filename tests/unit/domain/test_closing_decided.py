"""Whether a month closes, which contracts are counted as what, and what is written of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from functions.domain.ledger.entry import TAKEN_OVER, Attempt, Decision, Entry, Line
from functions.domain.months.closing import Closing, Seen, decide, in_state_file
from functions.domain.months.journal import Journal, Unresolved
from functions.domain.months.late_usage import NOTHING_COMPARED, Difference
from functions.domain.months.outcome import Outcome
from functions.domain.months.state_file import PlanState
from functions.errors import BadState
from tests.builders import (
    AUGUST_2,
    FAILURE,
    JULY,
    JUNE,
    PLAN,
    a_bill,
    a_closing,
    a_contract,
    a_line,
    a_plan,
    an_entry,
    month_usage,
)

KEY, UNTIL = PLAN.key, "2025-07-03T04:00:00Z"


def accepted(name: str, *dimensions: str, sent_by: str = "x", **fields: Any) -> Entry:
    dimensions = dimensions or ("cpu",)
    lines = [a_line(dimension, "accepted", amount="5") for dimension in dimensions]
    sent = Attempt(id="a", execution=sent_by, at="t", dimensions=dimensions, request="")
    return an_entry(*lines, contract_id=name, settled_at="t", attempts=(sent,), **fields)


def failed(name: str, *lines: Line) -> Entry:
    return an_entry(*lines, contract_id=name, settled_at="t", failure=FAILURE)


def a_claim(name: str) -> Entry:
    return an_entry(a_line(), contract_id=name)


def seen(*entries: Entry, names: str = "", processed: str | None = None, **given: Any) -> Seen:
    """Return July of contracts that are named by a letter each; the run has processed all of it."""
    bills = [a_contract(name, quantities={"cpu": "5"}) for name in names]
    usage = month_usage(a_bill(*bills), names if processed is None else processed)
    ledger = {entry.contract_id: entry for entry in entries}
    return a_closing(usage=usage, **{"ledger": ledger, **given}).seen


def decided(*entries: Entry, **given: Any) -> Closing:
    return decide(seen(*entries, **given), NOTHING_COMPARED)


def counted(closing: Closing) -> list[int]:
    names = ("contracts", "submitted", "submitted_records", "errors", "open")
    assert tuple(closing.numbers) == (*names, "unknown")
    return [closing.numbers[name] for name in names]


def test_a_month_closes_once_every_contract_is_accepted_or_an_error() -> None:
    closing = decided(accepted("a", "cpu", "mem"), failed("b"), names="ab")
    assert (closing.counts, closing.open) == (True, [])
    assert (closing.outcome.accepted, [*closing.outcome.failed]) == (["a"], ["b"])
    assert counted(closing) == [2, 1, 2, 1, 0]
    neither = decided(accepted("a"), a_claim("b"), names="ab")
    assert (neither.counts, neither.open) == (False, ["b"])
    assert counted(neither) == [2, 1, 1, 0, 1]


def test_a_month_that_was_closed_before_stays_closed_with_a_contract_open() -> None:
    state, journal = PlanState(last_processed_month=JULY), Journal(last_closed_month="2025-07")
    for before in ({"state": state}, {"journal": journal}):
        closing = decided(a_claim("a"), names="ab", processed="a", **before)
        assert (closing.counts, closing.open) == (True, ["a"])
        assert closing.outcome.unaccounted == ["a"], "what came late leaves nothing open"


def test_what_was_asked_for_is_unknown_if_neither_usage_nor_ledger_nor_state_file_has_it() -> None:
    state = PlanState(success={JULY: frozenset({"d"})}, errors={JULY: {"e": {}}})
    asked = decided(accepted("a"), names="b", processed="", contracts=[*"abdefg"], state=state)
    assert asked.numbers["unknown"] == [4, 5], "f and g"


def test_final_usage_closes_no_month_and_counts_its_own_contracts() -> None:
    final: dict[str, Any] = {"contracts": ["a"], "until": UNTIL}
    closing = decided(accepted("a"), names="ab", processed="a", **final)
    assert (closing.counts, closing.open) == (False, [])
    assert counted(closing) == [1, 1, 1, 0, 0]
    whole = decided(accepted("a"), names="a", **final)
    assert (whole.outcome.complete, whole.counts) == (True, False)
    unknown = decided(names="a", processed="", contracts=["b"], until=UNTIL)
    assert counted(unknown) == [1, 0, 0, 0, 0]


def test_a_run_for_some_contracts_is_kept_open_only_by_these() -> None:
    for asked, left_open in ((["a"], []), (["a", "b"], ["b"]), (None, ["b"])):
        run: dict[str, Any] = {"processed": "".join(asked or "a"), "contracts": asked}
        closing = decided(accepted("a"), a_claim("b"), names="ab", **run)
        assert (closing.counts, closing.open) == (False, left_open)


def test_what_an_earlier_run_has_sent_is_not_counted_as_submitted() -> None:
    assert counted(decided(accepted("a", sent_by="earlier"), names="a")) == [1, 0, 0, 0, 0]
    done = PlanState(success={JULY: frozenset("b")})
    assert counted(decided(accepted("a"), names="ab", processed="a", state=done)) == [2, 1, 1, 0, 0]


def test_a_contract_with_an_accepted_line_and_a_failure_is_counted_once_as_an_error() -> None:
    entry = accepted("a", failure=FAILURE)
    assert counted(decided(entry, names="a")) == [1, 0, 1, 1, 0]


def test_a_contract_that_was_reopened_and_left_alone_does_not_become_an_error_again() -> None:
    journal = Journal(unresolved={"2025-07": {"b": Unresolved(reported=True)}})
    entries = (accepted("a"), failed("b"))
    assert decided(*entries, names="ab", processed="a", journal=journal).outcome == Outcome(
        ["a"], {}, ["b"]
    )
    assert [*decided(*entries, names="ab", journal=journal).outcome.failed] == ["b"]


def test_a_contract_is_accepted_only_with_the_plans_formulas_covered() -> None:
    plan = a_plan(dimensions={"fee": "cpu * 2", "seats": "mem"})
    bills = [
        a_contract("a", usage={"cpu": "5"}, quantities={"fee": "10"}),
        a_contract("b", usage={"cpu": "5", "mem": "3"}, quantities={"fee": "10", "seats": "3"}),
    ]
    usage = month_usage(a_bill(*bills), "ab")
    known: dict[str, Any] = {"formulas": {"fee": "cpu * 2"}, "usage": {"cpu": "5"}}
    ledger = {name: accepted(name, "fee", **known) for name in "ab"}
    closing = decide(a_closing(usage=usage, plan=plan, ledger=ledger).seen, NOTHING_COMPARED)
    assert (closing.outcome.accepted, closing.outcome.unaccounted) == (["a"], ["b"])
    assert closing.remainders.formulas == plan.dimensions


def test_what_a_month_leaves_is_worked_out_from_its_ledger() -> None:
    entry = an_entry(a_line("cpu", "accepted", amount="5.5"), contract_id="a", settled_at="t")
    assert decided(entry, names="a").remainders.contracts == {"a": {"cpu": "0.5"}}
    given_up = replace(entry, lines=(a_line(amount="5.5"),))
    state = PlanState(success={JULY: frozenset({"a"})})
    assert decided(given_up, names="a", state=state).remainders.contracts == {}


def test_warnings_say_what_was_withdrawn_taken_over_overtaken_and_late() -> None:
    late = Difference(contract_id="a", dimension="cpu", billed="5", now="7", difference="2")
    taken_over = a_line("cpu", "accepted", evidence=TAKEN_OVER, record_id="r-1")
    evident = an_entry(taken_over, contract_id="a", settled_at="t", withdrawn={"mem": "3"})
    waived = Decision(what="waived", execution="x", at="t", reason="by hand")
    given = seen(evident, accepted("b", decisions=(waived,)), names="ab", by_hand=["b"])
    compared = NOTHING_COMPARED._replace(differences=[late], never_billed=["c"])
    closing = decide(given, compared)
    assert (closing.seen, closing.compared) == (given, compared)
    said = [
        (
            "2025-07: a mem: 3 was not billed before, and "
            "today's files and configuration no longer come to it"
        ),
        "2025-07: b was put into success_contracts while it was being sent; look in Clazar",
        f"2025-07: {TAKEN_OVER}, not sent by this pipeline: 1: a cpu 5 (record r-1)",
    ]
    start = 'start {"plan": "S:E:P", "months": ["2025-07"]} to bill them, if nobody has'
    changed = [
        "2025-07: a cpu: billed 5, usage now comes to 7 (+2)",
        f"2025-07: never billed: c; {start}",
    ]
    assert closing.usage.warnings == [*said, *changed], "the month closes only now"
    again = given._replace(state=PlanState(last_processed_month=JULY))
    head = "2025-07: usage changed after it was billed and is not billed: the same files"
    assert decide(again, compared).usage.warnings == [*said, head, *changed]
    days_alone = NOTHING_COMPARED._replace(days=["01"])
    assert decide(again, days_alone).usage.warnings == said, "days alone are no difference"


def test_usage_that_only_a_new_formula_reads_is_a_warning_of_its_month() -> None:
    entry = accepted("a", formulas={"cpu": "cpu"})
    usage = month_usage(a_bill(a_contract("a", quantities={"cpu": "5", "mem": "2"})), "a")
    plan = a_plan(dimensions={"cpu": "cpu", "mem": "mem"})
    given = a_closing(usage=usage, plan=plan, ledger={"a": entry}).seen
    (said,) = decide(given, NOTHING_COMPARED).usage.warnings
    assert said.startswith("2025-07: not billed, as the formula was added since: a (mem)")


def test_the_run_that_closes_names_what_others_have_taken_over() -> None:
    line = a_line("cpu", "accepted", evidence=TAKEN_OVER, record_id="r-1")
    entry = an_entry(line, contract_id="a", settled_at="t")

    def said(**given: Any) -> bool:
        return "a cpu 5 (record r-1)" in str(decided(entry, processed="", **given).usage.warnings)

    state = PlanState(success={JULY: frozenset("a")})
    assert said(names="a", state=state)
    assert not said(names="ab", state=state), "what stays open comes again"
    assert not said(names="a", state=replace(state, last_processed_month=JULY))
    assert not said(names="a", state=state, contracts=["a"], until=UNTIL)


def written(
    closing: Closing, document: dict[str, Any] | None = None, as_of: datetime = AUGUST_2
) -> dict[str, Any]:
    """Return what the state file says of the plan."""
    found = in_state_file(closing, document or {}, as_of=as_of, at="now")
    assert {key: found[key] for key in (document or {}) if key != KEY} == {
        key: value for key, value in (document or {}).items() if key != KEY
    }
    return dict(found[KEY])


def july(
    accepted: Iterable[str] = "a", errors: str = "", left_open: str = "", **given: Any
) -> Closing:
    outcome = Outcome([*accepted], {name: failed(name) for name in errors}, [*left_open])
    return a_closing(outcome=outcome, **{"plan": a_plan(start_month="2025-07"), **given})


def test_the_state_file_gets_successes_errors_and_the_month() -> None:
    other = {"another": {"last_processed_month": "2025-01"}}
    found = written(july("ab", errors="c"), other)
    assert found["last_processed_month"] == "2025-07"
    assert found["last_updated"] == "now"
    assert found["success_contracts"] == {"2025-07": ["a", "b"]}
    (error,) = found["error_contracts"]["2025-07"]
    assert (error["contract_id"], error["code"], error["message"]) == ("c", "DIM", "no")


@pytest.mark.parametrize(
    ("closing", "last"),
    [
        (july(), "2025-07"),
        (july(left_open="b"), None),
        (july(until=UNTIL), None),
        (july(plan=a_plan(start_month="2025-06")), None),
        (july(journal=Journal(last_closed_month="2025-06"), plan=a_plan()), "2025-07"),
        (july(plan=a_plan()), None),
    ],
    ids=["all", "one open", "final usage", "June is first", "June is closed", "two months back"],
)
def test_only_the_month_whose_turn_it_is_moves_the_state_file_on(
    closing: Closing, last: str | None
) -> None:
    assert written(closing).get("last_processed_month") == last


def test_an_error_that_has_become_a_success_since_is_none_any_more() -> None:
    now = {KEY: {"success_contracts": {"2025-07": ["c"]}}}
    found = written(july(errors="cd"), now)
    assert [error["contract_id"] for error in found["error_contracts"]["2025-07"]] == ["d"]
    known = PlanState(success={JULY: frozenset({"c"}), JUNE: frozenset({"d"})})
    found = written(july(errors="cd", state=known), now)
    assert [error["contract_id"] for error in found["error_contracts"]["2025-07"]] == ["c", "d"]


def test_a_state_file_that_was_broken_since_is_named() -> None:
    said = rf"^state file {PLAN.state_file}, {KEY}: \[\] is not the obj"
    with pytest.raises(BadState, match=said):
        written(july(), {KEY: []})
