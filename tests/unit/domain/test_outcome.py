"""What counts as accounted for when a month is closed."""

from typing import Any

from functions.domain import ledger
from functions.domain.billing import ContractBill, MonthBill
from functions.domain.ledger_entry import Entry, Failure
from functions.domain.outcome import Outcome, account
from functions.domain.run_files import MonthUsage
from functions.domain.state_file import MonthState

NOBODY: frozenset[str] = frozenset()


def an_entry(name: str, **quantities: str) -> Entry:
    return ledger.open_entry(
        plan="S:E:P", month="2025-07", contract=name, quantities=quantities, execution="x", at="t"
    )


def the_outcome(
    entries: list[Entry],
    *,
    contracts: set[str],
    processed: set[str],
    done: frozenset[str] = NOBODY,
    failed: frozenset[str] = NOBODY,
    left: frozenset[str] = NOBODY,
) -> Outcome:
    bills = [ContractBill(contract_id=name, usage={}, quantities={}) for name in sorted(contracts)]
    nothing: Any = {"files": 1, "records": 1, "duplicates": 0, "dropped": {}, "warnings": []}
    bill = MonthBill(contracts=bills, quarantined=[], unbilled_dimensions=[])
    usage = MonthUsage(**nothing, processed=sorted(processed), bill=bill)
    known = {entry.contract_id: entry for entry in entries}
    return account(usage, known, MonthState(done, failed), left)


FAILED = ledger.fail(an_entry("c", cpu="1"), Failure(code="X", message="m", errors=("m",), at="t"))


def test_a_contract_without_an_entry_keeps_the_month_open() -> None:
    assert the_outcome([], contracts={"c"}, processed={"c"}).unaccounted == ["c"]


def test_a_claim_that_was_never_settled_is_not_accepted_even_without_lines() -> None:
    outcome = the_outcome([an_entry("c")], contracts={"c"}, processed={"c"})
    assert (outcome.accepted, outcome.unaccounted) == ([], ["c"])
    settled = ledger.succeed(an_entry("c"), "t")
    assert the_outcome([settled], contracts={"c"}, processed={"c"}).accepted == ["c"]


def test_an_error_is_accounted_for() -> None:
    outcome = the_outcome([FAILED], contracts={"c"}, processed={"c"})
    assert list(outcome.failed) == ["c"]
    assert outcome.complete


def test_what_the_state_file_says_of_contracts_left_alone_stands() -> None:
    contracts = {"c", "d"}
    outcome = the_outcome(
        [FAILED], contracts=contracts, processed=set(), done=frozenset({"c"}), failed=frozenset("d")
    )
    assert outcome == Outcome([], {}, [])


def test_an_error_that_an_operator_removed_does_not_come_back() -> None:
    outcome = the_outcome([FAILED], contracts={"c"}, processed=set(), left=frozenset({"c"}))
    assert (outcome.failed, outcome.unaccounted) == ({}, ["c"])


def test_an_open_entry_without_usage_keeps_the_month_open() -> None:
    assert the_outcome(
        [an_entry("gone", cpu="1")], contracts=set(), processed=set()
    ).unaccounted == ["gone"]
