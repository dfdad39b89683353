"""What is reported of a month: to the state file, and to the operator who reads the error."""

from typing import Any, get_args

import msgspec
import pytest
from msgspec.structs import replace

from functions.domain.ledger import submission
from functions.domain.ledger.entry import (
    TAKEN_OVER,
    Attempt,
    Decision,
    Entry,
    Failure,
    Line,
    LineState,
)
from functions.domain.months.notices import noticed, overtaken, settled_before, unread, withdrawn
from functions.domain.months.outcome import (
    Open,
    Outcome,
    account,
    blamed,
    error_record,
    explain_open,
    is_shown,
)
from functions.domain.months.state_file import ErrorRecord, MonthState
from functions.domain.wording import some
from tests import builders
from tests.builders import NOBODY, a_bill, a_contract, a_line, month_usage

FAILURE = Failure(code="DIM", message="no such dimension", errors=("cpu: no",), at="t-1")


def an_entry(*lines: Line, name: str = "c-1", **fields: Any) -> Entry:
    return builders.an_entry(*lines, contract_id=name, **fields)


def billed(name: str, **fields: Any) -> Entry:
    return an_entry(a_line("cpu", "accepted"), name=name, settled_at="t", **fields)


def accounted(
    entries: list[Entry], contracts: set[str], processed: set[str], *, closed: bool | None = None
) -> Outcome:
    due = {"usage": {"cpu": "5"}, "quantities": {"cpu": "5"}}
    usage = month_usage(a_bill(*(a_contract(name, **due) for name in sorted(contracts))), processed)
    ledger = {entry.contract_id: entry for entry in entries}
    given = {} if closed is None else {"closed": closed}
    return account(usage, ledger, MonthState(frozenset({"known"})), NOBODY, formulas={}, **given)


def test_a_contract_without_an_entry_keeps_its_month_open_until_that_is_closed() -> None:
    late = {"late"}
    assert accounted([], late, set()).unaccounted == ["late"]
    assert accounted([], late, set(), closed=False).unaccounted == ["late"]
    assert accounted([], late, set(), closed=True) == Outcome([], {}, [])
    assert accounted([], late, late, closed=True).unaccounted == ["late"], "it was to be billed"


def test_what_came_late_hides_none_of_the_contracts_after_it() -> None:
    failed = an_entry(name="z-2", failure=FAILURE, settled_at="t")
    entries = [billed("z-1"), failed, an_entry(name="z-3")]
    names = {"a-late", "known", "z-1", "z-2", "z-3"}
    assert accounted(entries, names, set(), closed=True) == Outcome(
        ["z-1"], {"z-2": failed}, ["z-3"]
    )


def test_bills_items_of_the_run_and_the_ledger_are_all_accounted_for() -> None:
    found = accounted([billed("of-ledger")], {"of-bill"}, {"of-run"})
    assert (found.accepted, found.unaccounted) == (["of-ledger"], ["of-bill", "of-run"])
    assert not found.complete
    assert accounted([billed("c-1")], {"c-1"}, {"c-1"}).complete


def test_a_contract_that_a_person_waived_needs_no_line_per_dimension() -> None:
    waived = Decision(what="waived", execution="x", at="t", reason="r")
    entry = an_entry(decisions=(waived,), settled_at="t")
    assert accounted([entry], {"c-1"}, {"c-1"}).accepted == ["c-1"]
    assert accounted([replace(entry, decisions=())], {"c-1"}, {"c-1"}).unaccounted == ["c-1"]


def test_a_long_list_is_cut_and_says_by_how_many() -> None:
    assert some(str(number) for number in range(20)) == [str(number) for number in range(20)]
    assert some(map(str, range(22)))[19:] == ["19", "and 2 more"]
    assert some(["a", "b", "c"], most=2) == ["a", "b", "and 1 more"]


def test_an_error_shows_the_records_that_are_not_billed() -> None:
    lines = (a_line("cpu", "refused"), a_line("mem", "accepted", quantity="7"))
    entry = an_entry(*lines, failure=FAILURE, retries=2, until="2025-07-13T10:00:00Z", cloud="gcp")
    assert error_record(entry) == ErrorRecord(
        contract_id="c-1",
        errors=["cpu: no"],
        code="DIM",
        message="no such dimension",
        payload={"request": submission.records(entry, lines[:1])},
        retry_count=2,
        last_retry_time="t-1",
    )


def test_an_error_without_a_record_or_a_retry_shows_none() -> None:
    found = error_record(an_entry(failure=FAILURE))
    assert (found.payload, found.retry_count, found.last_retry_time) == (None, 0, None)
    with pytest.raises(ValueError, match=r"^c-1 has not failed$"):
        error_record(an_entry())


def an_attempt(outcome: str) -> Attempt:
    return Attempt(id="a", execution="x", at="t", dimensions=(), request="", outcome=outcome)


def test_an_open_month_is_reported_with_what_came_last_of_each_contract() -> None:
    attempts = (an_attempt("timeout"), an_attempt("429"), an_attempt("503"))
    ledger = {
        "c-1": an_entry(attempts=attempts),
        "c-2": an_entry(attempts=attempts),
        "c-3": an_entry(),
    }
    left_open = [Open(contract_id="c-2", error="PartnerBusy", message="429 since noon")]
    assert explain_open("2025-07", ["c-1", "c-2", "c-3", "c-4"], ledger, left_open) == (
        "2025-07 stays open, run again; contracts left open: "
        "4: c-1 (503); c-2 (PartnerBusy: 429 since noon); 2 contracts: c-3, c-4"
    )


def test_a_reason_that_keeps_many_contracts_open_is_said_once() -> None:
    names = [f"c-{number:03d}" for number in range(300)]
    why = {"error": "PartnerUnreachable", "message": "no connection"}
    left_open = [Open(contract_id=name, **why) for name in names]
    reported = explain_open("2025-07", names, {}, left_open)
    said = "left open: 300: 300 contracts (PartnerUnreachable: no connection): c-000, c-001"
    assert said in reported
    assert reported.endswith(", c-019, and 280 more")


# Whom Clazar does not serve


FORBIDDEN = "POST /metering/: HTTP 403: forbidden"


def not_served(name: str, message: str = FORBIDDEN, error: str = "ContractUnserved") -> Open:
    return Open(contract_id=name, error=error, message=message)


def through(name: str, status: int | None = 200) -> Entry:
    """Return an entry whose request was answered with a status, whatever it said."""
    attempt = replace(an_attempt("answered"), status=status)
    return an_entry(a_line("cpu", "sent"), name=name, attempts=(attempt,))


def waiting(name: str = "c-1") -> Entry:
    return an_entry(a_line(), name=name)


def blamed_for(left_open: list[Open], *entries: Entry) -> dict[str, str]:
    found = blamed(left_open, {entry.contract_id: entry for entry in entries}, "x-1", "t-9")
    return {name: failure.code for name, failure in found.items()}


def test_a_contract_that_is_not_served_while_another_gets_through_is_to_blame_itself() -> None:
    found = blamed([not_served("c-1")], {"c-1": waiting(), "c-2": through("c-2")}, "x-1", "t-9")
    assert found == {
        "c-1": Failure(code="HTTP_403", message=FORBIDDEN, errors=(FORBIDDEN,), at="t-9")
    }


def test_several_that_are_not_served_are_compared_with_this_execution_alone() -> None:
    before = through("c-3")
    of_ours = replace(before.attempts[0], execution="x-9")
    both = [not_served("c-1"), not_served("c-2")]
    ledger = {"c-1": waiting(), "c-2": waiting("c-2"), "c-3": before}
    assert blamed(both, ledger, "x-9", "t-9") == {}, "it may be the credentials by now"
    assert list(blamed(both[:1], ledger, "x-9", "t-9")) == ["c-1"]
    ledger["c-3"] = replace(before, attempts=(of_ours,))
    assert list(blamed(both, ledger, "x-9", "t-9")) == ["c-1", "c-2"]


def test_if_none_gets_through_nobody_is_to_blame() -> None:
    both = [not_served("c-1"), not_served("c-2")]
    assert blamed_for(both, waiting("c-1"), waiting("c-2")) == {}
    for status in (None, 403, 429, 500):
        assert blamed_for(both, waiting("c-1"), through("c-2", status)) == {}
    assert blamed_for([not_served("c-1")], through("c-1")) == {}, "its own answer is no other's"


def test_a_listing_that_answers_for_others_says_nothing_of_what_may_be_sent() -> None:
    """One that was taken over from the listing has sent nothing."""
    taken_over = billed("c-2", execution="x-1")
    listing = not_served("c-1", "GET /metering/: HTTP 500: broken")
    assert blamed_for([listing], waiting(), taken_over) == {"c-1": "HTTP_500"}
    both = [listing, not_served("c-3", listing.message)]
    assert blamed_for(both, waiting(), taken_over) == {"c-1": "HTTP_500"}
    assert blamed_for(both, waiting(), replace(taken_over, execution="x-0")) == {}
    itself = replace(waiting(), lines=taken_over.lines)
    assert blamed_for([listing], itself) == {}, "its own record is no other's"
    assert blamed_for([not_served("c-1")], waiting(), taken_over) == {}
    nothing_to_bill = an_entry(name="c-2", settled_at="t")
    assert blamed_for([listing], waiting(), nothing_to_bill) == {}


def test_only_an_answer_about_the_contract_blames_it_and_only_while_it_is_open() -> None:
    for error in ("PartnerBusy", "PartnerUnreachable", "CredentialsRefused", "StorageBusy"):
        assert blamed_for([not_served("c-1", error=error)], waiting(), through("c-2")) == {}
    settled = replace(waiting(), settled_at="t")
    assert blamed_for([not_served("c-1")], settled, through("c-2")) == {}
    assert blamed_for([not_served("c-9")], through("c-2")) == {}, "it was never claimed"
    no_listing = not_served("c-1", "GET /metering/: HTTP 200, but no listing: <html>")
    assert blamed_for([no_listing], waiting(), through("c-2")) == {"c-1": "HTTP_200"}
    assert blamed_for([not_served("c-1", "?")], waiting(), through("c-2")) == {"c-1": "NOT_SERVED"}


def test_one_that_is_not_served_and_may_have_been_billed_is_in_doubt_before_all() -> None:
    found = blamed_for([not_served("c-1")], through("c-1"), through("c-2"))
    assert found == {"c-1": "OUTCOME_UNKNOWN"}


# What has to be looked at although it is billed


def test_what_was_taken_over_is_named_with_its_records_in_one_line() -> None:
    line = a_line("cpu", "accepted", evidence=TAKEN_OVER, record_id="r-1")
    ledger = {
        "c-1": an_entry(line, replace(line, dimension="mem", record_id=None)),
        "c-2": an_entry(replace(line, evidence="listing"), name="c-2"),
        "c-3": an_entry(line, name="c-3"),
    }
    text = (
        "2025-07: taken over from Clazar's records, not sent by this pipeline: 2: "
        "c-1 cpu 5 (record r-1), c-1 mem 5 (record ?)"
    )
    assert noticed(["c-2", "c-1", "c-9"], ledger) == noticed(["c-1"], ledger) == [text]
    assert noticed(["c-2"], ledger) == noticed([], ledger) == []


def test_more_records_than_owners_are_named_for_contracts_of_this_run() -> None:
    line = a_line("cpu", "accepted", surplus="Clazar bills 2 records")
    ledger = {"c-1": an_entry(line), "c-2": an_entry(line, name="c-2")}
    assert noticed(["c-2"], ledger) == ["2025-07: c-2: Clazar bills 2 records"]


def test_an_error_that_the_ledger_has_replaced_since_is_shown_anew() -> None:
    entry = an_entry(a_line("cpu", "refused"), failure=FAILURE, settled_at="t")
    shown = msgspec.to_builtins(error_record(entry))

    def failed(item: dict[str, Any]) -> list[str]:
        state = MonthState(NOBODY, {"c-1": item})
        return list(account(month_usage(), {"c-1": entry}, state, NOBODY, formulas={}).failed)

    assert failed(shown) == []
    assert failed({**shown, "note": "Jane asks the customer"}) == []
    assert failed({**shown, "code": "OLD"}) == ["c-1"]
    assert failed({**shown, "payload": None}) == ["c-1"]


def test_what_was_refused_and_has_gone_is_named_for_contracts_of_this_run() -> None:
    ledger = {name: billed(name, withdrawn={"mem": "7", "disk": "1"}) for name in ("c-1", "c-2")}
    assert withdrawn(["c-2", "c-9"], ledger) == [
        f"2025-07: c-2 {what} was not billed before, and "
        "today's files and configuration no longer come to it"
        for what in ("disk: 1", "mem: 7")
    ]


def test_who_is_asked_for_and_was_settled_before_is_named() -> None:
    decided = Decision(what="waived", execution="x", at="t", reason="r")
    ledger = {
        "c-1": an_entry(a_line("cpu", "accepted"), settled_at="t", execution="x-0"),
        "c-2": an_entry(name="c-2", decisions=(decided,), settled_at="t", execution="x-0"),
        "c-3": an_entry(name="c-3", settled_at="t", execution="x-1"),
        "c-4": an_entry(name="c-4", settled_at="t", execution="x-0", failure=FAILURE),
        "c-5": an_entry(name="c-5", execution="x-0"),
    }
    said = settled_before("x-1", [*ledger, "c-9"], ledger)
    assert said == ["2025-07: settled before, so nothing was sent: c-1, c-2 (waived)"]
    assert settled_before("x-1", ["c-3", "c-9"], ledger) == []


def test_usage_that_is_read_beside_what_is_billed_is_named() -> None:
    entry = an_entry(a_line("hours", "accepted"), settled_at="t", formulas={"hours": "cpu"})
    formulas = {"hours": "cpu", "all": "cpu + mem"}

    def said(mem: str, of: Entry = entry) -> list[str]:
        used = {"cpu": "4", "mem": mem}
        return unread("2025-07", [a_contract("c-1", usage=used)], {"c-1": of}, formulas)

    (text,) = said("7")
    assert text == (
        "2025-07: not billed, as a part of its usage is billed under another name: c-1 (all); "
        "settle the rest by hand"
    )
    assert said("0") == []
    assert said("7", replace(entry, until="2025-07-13T10:00:00Z")) == []
    assert said("7", replace(entry, formulas={})) == []
    assert said("7", replace(entry, formulas=formulas)) == []


def test_final_usage_covers_its_month_with_fewer_dimensions() -> None:
    mem = a_line("mem", "accepted")
    final = an_entry(mem, settled_at="t", until="2025-07-13T10:00:00Z")
    assert accounted([final], {"c-1"}, {"c-1"}).accepted == ["c-1"]
    assert accounted([replace(final, until=None)], {"c-1"}, {"c-1"}).unaccounted == ["c-1"]


def test_a_contract_is_shown_as_it_is_if_it_is_done_or_its_very_error_stands_there() -> None:
    failed = an_entry(a_line("cpu", "refused"), failure=FAILURE, settled_at="t")
    item = msgspec.to_builtins(error_record(failed))
    state = MonthState(NOBODY, {"c-1": item})
    assert is_shown(failed, state)
    assert not is_shown(replace(failed, failure=None), state)
    assert not is_shown(failed, MonthState())
    other = replace(failed, failure=replace(FAILURE, code="OTHER"))
    assert not is_shown(other, state)
    assert is_shown(other, MonthState(frozenset({"c-1"})))


def test_who_was_settled_while_it_was_being_sent_is_named_if_it_was_sent() -> None:
    attempt = Attempt(id="a", execution="x-1", at="t", dimensions=("cpu",), request="r")
    ledger = {name: billed(name, attempts=(attempt,)) for name in ("c-1", "c-2")}
    ledger["c-3"] = billed("c-3")
    text = "2025-07: c-1 was put into success_contracts while it was being sent; look in Clazar"
    assert overtaken("2025-07", "x-1", {"c-3", "c-1", "c-9"}, ledger) == [text]
    assert overtaken("2025-07", "x-2", {"c-1"}, ledger) == []


def test_what_another_plan_may_have_sent_counts_although_it_was_waived() -> None:
    states = get_args(LineState)
    lines = (a_line(state, state) for state in states)
    entry = an_entry(*lines, a_line("never sent", "waived"))
    attempt = Attempt(id="a", execution="x", at="t", dimensions=states, request="r")
    sent = replace(entry, attempts=(attempt,)).may_be_billed
    assert [line.dimension for line in sent] == ["sent", "present", "accepted", "waived"]
    assert "waived" not in [line.dimension for line in entry.may_be_billed]


def test_usage_that_only_a_new_formula_reads_is_named_with_what_bills_it() -> None:
    """Of those that are settled, each with its own entry."""
    bills = [a_contract(f"c-{number}", quantities={"mem": "5"}) for number in range(1, 5)]
    settled = an_entry(a_line("cpu", "accepted"), settled_at="t", formulas={"cpu": "cpu"})
    ledger = {
        "c-1": settled,
        "c-2": replace(settled, failure=FAILURE),
        "c-3": replace(settled, settled_at=None),
    }
    text = (
        "2025-07: not billed, as the formula was added since: c-1 (mem); to bill it, take them out "
        'of success_contracts of 2025-07 and start {"months": ["2025-07"]}'
    )
    assert unread("2025-07", bills, ledger, {"cpu": "cpu", "mem": "mem"}) == [text]
    assert unread("2025-07", bills, {}, {}) == []
    many = [a_contract(f"c-{number}", quantities={"mem": "5"}) for number in range(25)]
    known = {bill.contract_id: settled for bill in many}
    (said,) = unread("2025-07", many, known, {"cpu": "cpu", "mem": "mem"})
    assert "and 5 more" in said
    others = [a_contract("c-1", quantities={"mem": "5"}), a_contract("c-2", quantities={"io": "5"})]
    both = {"cpu": "cpu", "mem": "mem", "io": "io"}
    (said,) = unread("2025-07", others, {"c-1": settled, "c-2": settled}, both)
    assert "since: c-1 (mem); c-2 (io); to bill it" in said
