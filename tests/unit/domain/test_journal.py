"""The journal: re-opened contracts are noticed, and nothing goes unheard."""

from functions.domain.months import journal as journals
from functions.domain.months import months_due
from functions.domain.months.journal import Journal, Unresolved
from functions.domain.months.state_file import PlanState

from functions.domain.month import Month

MAY, JUNE = Month(2025, 5), Month(2025, 6)
AT = "2025-08-02T00:00:00Z"


def state(errors: dict[Month, set[str]], success: dict[Month, set[str]] | None = None) -> PlanState:
    return PlanState(
        errors={month: {name: {} for name in names} for month, names in errors.items()},
        success={month: frozenset(names) for month, names in (success or {}).items()},
    )


def test_an_error_entry_that_was_removed_reopens_its_contract() -> None:
    journal = journals.observe(Journal(), state({MAY: {"c-1", "c-2"}}), AT)
    assert journals.reopened(journal, state({MAY: {"c-1", "c-2"}}), MAY) == frozenset()
    assert journals.reopened(journal, state({MAY: {"c-2"}}), MAY) == {"c-1"}
    assert months_due.to_do_again(journal, state({MAY: {"c-2"}}), retry_errors=False) == {MAY}


def test_an_operator_who_moves_a_contract_to_the_success_list_reopens_nothing() -> None:
    journal = journals.observe(Journal(), state({MAY: {"c-1"}}), AT)
    assert not journals.reopened(journal, state({}, {MAY: {"c-1"}}), MAY)


def test_a_contract_that_the_earlier_script_put_in_both_lists_can_be_reopened() -> None:
    both = state({MAY: {"c-1"}}, {MAY: {"c-1"}})
    journal = journals.observe(Journal(), both, AT)
    assert journals.reopened(journal, state({MAY: set()}, {MAY: {"c-1"}}), MAY) == {"c-1"}


def test_retrying_errors_takes_every_month_with_one() -> None:
    again = months_due.to_do_again(Journal(), state({MAY: {"c"}, JUNE: set()}), retry_errors=True)
    assert again == {MAY}


def test_what_is_settled_leaves_the_journal_and_new_errors_enter_it() -> None:
    journal = journals.observe(
        Journal(last_closed_month="2025-04"), state({MAY: {"c-1", "c-2"}}), AT
    )
    after = journals.resolved(journal, MAY, {"c-1"}, {"c-3": Unresolved()})
    assert after.unresolved["2025-05"].keys() == {"c-2", "c-3"}
    emptied = journals.resolved(after, MAY, {"c-2", "c-3"})
    assert emptied == Journal(last_closed_month="2025-04")


def test_a_contract_that_an_operator_settled_is_known_until_the_ledger_says_so_too() -> None:
    journal = journals.observe(Journal(), state({MAY: {"c-1", "c-2"}}), AT)
    by_hand = state({MAY: {"c-2"}}, {MAY: {"c-1"}})
    assert journals.observe(journal, by_hand, AT) == journal
    assert journals.settled_by_hand(journal, by_hand) == [(MAY, ["c-1"])]
    assert journals.resolved(journal, MAY, ["c-1"]).unresolved["2025-05"].keys() == {"c-2"}


def test_a_contract_put_into_the_success_list_beside_its_error_is_not_reopened_later() -> None:
    journal = journals.observe(Journal(), state({MAY: {"c-1"}}), AT)
    both = journals.observe(journal, state({MAY: {"c-1"}}, {MAY: {"c-1"}}), AT)
    assert not journals.reopened(both, state({}, {MAY: {"c-1"}}), MAY)
