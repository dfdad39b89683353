"""Claiming a contract's month: what is written before anything is sent, and what is left to do."""

from typing import Any

import pytest
from msgspec.structs import replace

from functions.domain.ledger.claim import Claim, ContractItem, Terms, claim
from functions.domain.ledger.entry import Decision, Entry, Line, LineState
from functions.domain.ledger.failures import CONFIGURATION_CHANGED
from functions.domain.ledger.listing_pages import ask
from tests import builders
from tests.builders import FAILURE, PLAN

TERMS = Terms(
    plan=PLAN,
    month="2025-07",
    execution="x-1",
    at="t-1",
    reason="asked by the customer",
    until="2025-07-13T10:00:00Z",
)
AGAIN = TERMS._replace(execution="x-2", at="t-2")
MONTHS_RUN = AGAIN._replace(until=None)
LATER = TERMS._replace(execution="x-2", at="t-2", until="2025-07-20T10:00:00Z")


def an_item(quantities: dict[str, str] | None = None, **fields: Any) -> ContractItem:
    given = {"cpu": "5"} if quantities is None else quantities
    return ContractItem(contract_id="c-1", quantities=given, **fields)


def an_entry(*lines: Line, **fields: Any) -> Entry:
    claimed = {"execution": "x-1", "claimed_at": "t-1", "until": TERMS.until, "cloud": "aws"}
    return builders.an_entry(*lines, **{**claimed, **fields})


def a_line(state: LineState = "unsure", quantity: str = "5", **fields: Any) -> Line:
    return builders.a_line("cpu", state, quantity=quantity, **fields)


def test_a_first_claim_writes_down_who_claims_what_and_why_before_anything_is_sent() -> None:
    item = an_item({"mem": "7", "cpu": "5"}, amounts={"cpu": "5.5", "disk": "0.25"})
    assert claim(None, item, TERMS) == Claim(
        an_entry(
            a_line(amount="5.5"), Line(dimension="mem", quantity="7"), unbilled={"disk": "0.25"}
        ),
        "submit",
    )


def test_an_approved_month_is_noted_once_and_is_not_the_last_word_about_its_contract() -> None:
    approval = Decision(what="approved", execution="x-0", at="t-0", reason="checked")
    item = an_item(approval=approval)
    first = claim(None, item, TERMS).entry
    assert first.decisions == (approval,)
    assert claim(first, item, TERMS).entry.decisions == (approval,)
    decided = replace(approval, what="not_accepted")
    entry = claim(replace(first, decisions=(decided,)), item, TERMS).entry
    assert (entry.decisions, entry.last_word) == ((approval, decided), "not_accepted")


def test_where_nothing_is_to_be_billed_there_is_nothing_to_do() -> None:
    for asked in ({}, {"without_usage": True}, {"retry": True}):
        assert claim(None, an_item({}, **asked), TERMS).action == "nothing"


def test_what_cannot_be_sent_is_an_error_with_its_code_and_cause() -> None:
    failed = claim(None, an_item({}, failure="division by zero"), TERMS)
    assert failed[1:] == ("record_error", "FORMULA", "division by zero")
    gone = claim(None, an_item({}, retry=True, without_usage=True), TERMS)
    no_usage = "the month's files hold no usage of this contract"
    assert gone[1:] == ("record_error", "NO_USAGE", no_usage)
    final = claim(an_entry(), an_item(), MONTHS_RUN)
    assert final[1:] == ("record_error", "FINAL_USAGE", "its final usage was not billed")


def test_a_contract_that_is_settled_is_left_as_it_is() -> None:
    """That failed and is not to be tried again, was waived, or comes to the same."""
    waived = Decision(what="waived", execution="x-0", at="t-0", reason="r")
    for line, retry, fields in (
        (a_line("refused"), False, {"failure": FAILURE}),
        (a_line("waived"), True, {"decisions": (waived,)}),
        (a_line("accepted"), False, {}),
    ):
        entry = an_entry(line, settled_at="t-0", **fields)
        assert claim(entry, an_item(retry=retry), LATER) == Claim(entry, "nothing")


def test_trying_again_is_a_decision_with_its_reason() -> None:
    refused = a_line("refused", code="DIM", message="no")
    entry = an_entry(refused, failure=FAILURE, settled_at="t-0", retries=1)
    taken = claim(entry, an_item(retry=True), LATER)
    again = {"execution": "x-2", "at": "t-2", "reason": "asked by the customer"}
    claimed = {"execution": "x-2", "claimed_at": "t-2", "until": "2025-07-20T10:00:00Z"}
    decisions = (Decision(what="reopened", **again),)
    assert taken.action == "submit"
    assert taken.entry == an_entry(a_line(), retries=2, decisions=decisions, **claimed)


def test_what_is_billed_stays_whatever_it_comes_to_today_but_new_usage_is_sent() -> None:
    entry = an_entry(a_line("accepted"), settled_at="t-0")
    for quantities in ({"cpu": "6"}, {}, {"cpu": "0"}):
        assert claim(entry, an_item(quantities), AGAIN) == Claim(entry, "nothing")
    both = an_item({"cpu": "5", "mem": "1"}, usage={"mem": "1"})
    more = claim(entry, both, AGAIN)
    assert more.action == "submit"
    assert more.entry.lines == (a_line("accepted"), Line(dimension="mem", quantity="1"))
    known = replace(entry, usage={"mem": "1"})
    assert claim(known, both, AGAIN) == Claim(known, "nothing"), "it was billed as something else"


def test_what_is_billed_and_not_settled_is_settled_now_but_a_failing_formula_is_reported() -> None:
    taken = claim(an_entry(a_line("accepted")), an_item(), LATER)
    assert (taken.action, taken.entry.execution) == ("nothing", "x-2")
    assert taken.entry.settled_at == LATER.at
    settled = an_entry(a_line("accepted"), settled_at="t-0")
    assert claim(settled, an_item(failure="negative"), AGAIN).action == "record_error"


def test_a_line_that_was_never_sent_takes_todays_quantity_and_window_and_is_looked_up() -> None:
    entry = an_entry(a_line(amount="5.5"))
    for terms in (LATER, LATER._replace(execution="x-1")):
        taken = claim(entry, an_item({"cpu": "6"}, amounts={"cpu": "6.25"}), terms).entry
        assert taken.lines == taken.to_look_up == (a_line("unsure", "6", amount="6.25"),)
        assert taken.until == "2025-07-20T10:00:00Z"
    assert claim(entry, an_item({}), LATER).entry.lines == ()


def test_a_listing_that_was_read_in_part_is_begun_again_by_the_next_claim() -> None:
    entry = an_entry(a_line(), asked=ask("c-1", "2025-08-02T00:00:00+00:00"))
    for terms in (TERMS, LATER):
        for item in (an_item(), an_item({}, failure="division by zero")):
            assert claim(entry, item, terms).entry.asked is None


@pytest.mark.parametrize("state", ["sent", "present", "accepted"])
def test_a_quantity_that_may_have_left_is_kept(state: LineState) -> None:
    for line in (a_line(state), a_line("unsure", doubts=1)):
        assert claim(an_entry(line), an_item({"cpu": "6"}), TERMS).entry.lines == (line,)


@pytest.mark.parametrize("terms", [LATER, MONTHS_RUN])
def test_what_is_left_of_another_window_keeps_its_quantities_and_its_end(terms: Terms) -> None:
    mem = Line(dimension="mem", quantity="7", amount="7.5")
    entry = an_entry(a_line("accepted"), mem)
    taken = claim(entry, an_item({"cpu": "9", "mem": "8", "disk": "1"}), terms)
    assert taken.action == "submit"
    assert taken.entry.lines == (a_line("accepted"), mem)
    assert taken.entry.until == "2025-07-13T10:00:00Z"


def test_final_usage_stays_what_it_was_in_the_months_own_run() -> None:
    usage = an_item({"cpu": "9"}, retry=True)
    refused = an_entry(a_line("refused"), failure=FAILURE, settled_at="t-0")
    taken = claim(refused, usage, MONTHS_RUN)
    assert taken.action == "submit"
    assert (taken.entry.lines, taken.entry.until) == ((a_line(),), "2025-07-13T10:00:00Z")
    settled = an_entry(a_line("accepted"), settled_at="t-0")
    assert claim(settled, usage, MONTHS_RUN) == Claim(settled, "nothing")
    never_computed = an_entry(failure=FAILURE, settled_at="t-0")
    assert claim(never_computed, usage, MONTHS_RUN) == Claim(never_computed, "nothing")


def test_what_was_refused_is_not_forgotten_when_there_is_nothing_to_send_today() -> None:
    lines = (a_line("accepted"), Line(dimension="mem", quantity="7", state="refused", code="DIM"))
    entry = an_entry(*lines, failure=FAILURE, settled_at="t-0")
    for why in ({"without_usage": True}, {"failure": "/0"}):
        taken = claim(entry, an_item({}, retry=True, **why), AGAIN)
        assert (taken.action, taken.entry.lines) == ("record_error", lines)


def test_a_refused_dimension_without_usage_is_kept_in_mind_when_it_is_tried_again() -> None:
    lines = (a_line("refused", code="DIM"), Line(dimension="mem", quantity="7", state="refused"))
    entry = an_entry(*lines, failure=FAILURE, settled_at="t-0", withdrawn={"disk": "1"})
    taken = claim(entry, an_item(retry=True), LATER).entry
    assert taken.lines == (a_line(),)
    assert taken.withdrawn == {"disk": "1", "mem": "7"}
    unsettled = an_entry(a_line(), Line(dimension="mem", quantity="7"))
    assert claim(unsettled, an_item(), TERMS).entry.withdrawn == {}, "nobody was told of it"


def test_every_line_keeps_the_configuration_that_it_was_computed_with() -> None:
    formulas = {"cpu": "new", "disk": "d", "mem": "m"}
    terms = TERMS._replace(plan=replace(PLAN, dimensions=formulas, cloud="gcp"))
    first = claim(None, an_item(amounts={"cpu": "5.5"}, usage={"new": "5.5"}), terms).entry
    assert (first.formulas, first.cloud, first.usage) == (formulas, "gcp", {"new": "5.5"})
    fixed = an_entry(
        a_line("accepted"), formulas={"cpu": "old"}, cloud="aws", usage={"old": "5", "m": "0"}
    )
    usage = {"old": "6", "m": "1", "d": "0.5"}
    taken = claim(fixed, an_item({"cpu": "6"}, usage=usage), terms).entry
    assert taken.formulas == {"cpu": "old", "disk": "d", "mem": "m"}
    assert (taken.cloud, taken.usage) == ("aws", {"old": "5", "m": "1", "d": "0.5"})


def test_what_was_never_sent_is_computed_with_todays_configuration() -> None:
    entry = an_entry(a_line(), formulas={"cpu": "old"}, cloud="aws", usage={"old": "5"})
    terms = TERMS._replace(plan=replace(PLAN, dimensions={"cores": "old"}, cloud="azure"))
    taken = claim(entry, an_item({"cores": "5"}, usage={"old": "5"}), terms)
    assert (taken.action, taken.error) == ("submit", "")
    assert taken.entry.lines == (Line(dimension="cores", quantity="5"),)
    assert (taken.entry.formulas, taken.entry.cloud) == ({"cores": "old"}, "azure")
    assert taken.entry.withdrawn == {}, "it was renamed, it has not gone"


def test_final_usage_that_was_never_worked_out_is_not_billed_with_the_month() -> None:
    failing = an_item({}, failure="division by zero")
    first = claim(None, failing, TERMS)
    assert (first.entry.until, first.action) == (TERMS.until, "record_error")
    assert claim(first.entry, an_item(), MONTHS_RUN).action == "record_error"
    assert claim(first.entry, an_item(), MONTHS_RUN).entry.lines == ()
    assert claim(first.entry, an_item(), MONTHS_RUN).entry.until == TERMS.until
    failed = replace(first.entry, failure=FAILURE, settled_at="t-0")
    assert claim(failed, an_item(retry=True), MONTHS_RUN) == Claim(failed, "nothing")
    again = claim(failed, an_item(retry=True), LATER)
    assert (again.entry.until, again.action) == (LATER.until, "submit")
    still = claim(failed, an_item({}, retry=True, failure="again"), MONTHS_RUN._replace(until=None))
    assert still == Claim(failed, "nothing")


def test_a_whole_month_that_cannot_be_worked_out_has_no_end_of_its_own() -> None:
    failing = an_item({}, failure="division by zero")
    assert claim(None, failing, MONTHS_RUN).entry.until is None
    kept = claim(an_entry(a_line("sent")), failing, LATER).entry
    assert (kept.until, kept.lines) == (TERMS.until, (a_line("sent"),))


def test_trying_again_after_a_decision_says_so_once() -> None:
    decided = Decision(what="not_accepted", execution="x-0", at="t-0", reason="r")
    entry = an_entry(a_line("unsure"), failure=FAILURE, settled_at="t-0", decisions=(decided,))
    first = claim(entry, an_item(retry=True), AGAIN).entry.decisions[-1]
    assert first.reason == "it was resolved as not_accepted"
    later = replace(entry, decisions=(decided, first))
    again = claim(later, an_item(retry=True), AGAIN).entry.decisions[-1]
    assert again.reason == "asked by the customer"


def test_what_is_refreshed_takes_in_what_was_carried() -> None:
    item = an_item(amounts={"cpu": "4.5"}, carried={"cpu": "0.5"})
    (line,) = claim(an_entry(a_line("unsure", "3")), item, TERMS).entry.lines
    assert line == a_line("unsure", amount="4.5", carried="0.5")


def test_a_refused_dimension_that_comes_back_is_not_reported_as_unbilled() -> None:
    entry = an_entry(
        a_line("refused"), failure=FAILURE, settled_at="t-0", withdrawn={"mem": "7", "disk": "1"}
    )
    back = an_item({"cpu": "5", "mem": "7"}, amounts={"disk": "0.6"}, retry=True)
    assert claim(entry, back, LATER).entry.withdrawn == {}


# A configuration that has changed since

CORES, BYTES = {"cores": "cpu"}, {"cpu_hours": "cpu"}
NOW = MONTHS_RUN._replace(plan=replace(PLAN, dimensions=BYTES), reason="again")
EARLIER = NOW._replace(plan=replace(PLAN, dimensions=CORES))


def a_month(*lines: Line, **fields: Any) -> Entry:
    return an_entry(*lines, until=None, formulas=CORES, usage={"cpu": "5"}, **fields)


def a_core_line(state: LineState, **fields: Any) -> Line:
    return Line(dimension="cores", quantity="5", state=state, **fields)


@pytest.mark.parametrize("until", [None, "2025-07-13T10:00:00Z"])
@pytest.mark.parametrize("state", ["sent", "present", "refused", "waived"])
def test_usage_that_a_fixed_line_covers_is_not_billed_under_another_name(
    state: LineState, until: str | None
) -> None:
    line, usage = a_core_line(state), {"cpu": "5"}
    item = an_item({"cpu_hours": "5", "cpu_days": "1"}, usage=usage)
    terms = NOW._replace(plan=replace(PLAN, dimensions={**BYTES, "cpu_days": "cpu"}), until=until)
    cause = (
        f"cpu is billed as cores (5 {state}); cpu_days would bill it again; cpu is billed as "
        f"cores (5 {state}); cpu_hours would bill it again. Nothing was sent: deploy the earlier "
        "configuration and retry, or resolve the contract as waived"
    )
    entry = replace(a_month(line, Line(dimension="mem", quantity="1")), until=until)
    taken = claim(entry, item, terms)
    assert taken == Claim(
        replace(entry, execution="x-2"), "record_error", CONFIGURATION_CHANGED, cause
    ), "the entry is as it was, for a return to the earlier configuration"


def test_a_refused_line_that_is_tried_again_covers_nothing() -> None:
    entry = a_month(a_core_line("refused"), failure=FAILURE, settled_at="t-0")
    taken = claim(entry, an_item({"cpu_hours": "5"}, retry=True, usage={"cpu": "5"}), NOW)
    found = [line.dimension for line in taken.entry.lines]
    assert (taken.action, found) == ("submit", ["cpu_hours"])
    assert taken.entry.withdrawn == {}, "its usage has another name, it has not gone"


def test_one_that_may_have_been_accepted_before_covers_its_usage_when_it_is_tried_again() -> None:
    entry = a_month(
        a_core_line("sent"), failure=replace(FAILURE, code="OUTCOME_UNKNOWN"), settled_at="t-0"
    )
    item = an_item({"cpu_hours": "5"}, retry=True, usage={"cpu": "5"})
    taken = claim(entry, item, NOW)
    assert (taken.action, taken.error) == ("record_error", CONFIGURATION_CHANGED)
    assert (taken.entry.settled_at, taken.entry.decisions[-1].what) == (None, "reopened")
    back = claim(taken.entry, an_item({"cores": "5"}, retry=True), EARLIER)
    assert (back.action, back.entry.lines) == ("submit", (a_core_line("sent"),))


def test_a_contract_that_is_billed_in_full_is_left_alone_by_another_configuration() -> None:
    """The same usage is billed already: there is nothing to send, settled or not."""
    item = an_item({"cpu_hours": "5"}, usage={"cpu": "5"})
    for settled_at in ("t-0", None):
        taken = claim(a_month(a_core_line("accepted"), settled_at=settled_at), item, NOW)
        assert (taken.action, taken.error) == ("nothing", "")
        assert [line.dimension for line in taken.entry.lines] == ["cores"]


def test_final_usage_keeps_its_own_configuration() -> None:
    entry = an_entry(a_core_line("sent"), formulas=CORES)
    item = an_item({"cpu_hours": "9"}, usage={"cpu": "9"})
    taken = claim(entry, item, NOW)
    assert (taken.action, taken.entry.lines) == ("submit", entry.lines)
