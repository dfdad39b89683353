"""The journal: re-opened contracts are noticed, and nothing goes unheard."""

import pytest

from functions.domain.month import Month
from functions.domain.months import journal as journals
from functions.domain.months import months_due
from functions.domain.months.journal import Journal, Unresolved
from functions.domain.months.state_file import PlanState
from tests.builders import JULY, MAY

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
    moved = state({MAY: {"c-2"}}, {MAY: {"c-1"}})
    assert not journals.reopened(journal, moved, MAY), "an operator has settled it"


def test_a_contract_that_the_earlier_script_put_in_both_lists_can_be_reopened() -> None:
    both = state({MAY: {"c-1"}}, {MAY: {"c-1"}})
    journal = journals.observe(Journal(), both, AT)
    assert journals.reopened(journal, state({MAY: set()}, {MAY: {"c-1"}}), MAY) == {"c-1"}


def test_a_contract_put_into_the_success_list_beside_its_error_is_not_reopened_later() -> None:
    journal = journals.observe(Journal(), state({MAY: {"c-1"}}), AT)
    both = journals.observe(journal, state({MAY: {"c-1"}}, {MAY: {"c-1"}}), AT)
    assert not journals.reopened(both, state({}, {MAY: {"c-1"}}), MAY)


@pytest.mark.parametrize(
    ("payload", "due"),
    [
        ({"request": [{"quantity": "5", "dimension": "cpu"}, "?"]}, "5 cpu"),
        (
            {"request": [{"quantity": n, "dimension": "d"} for n in range(5)]},
            "0 d, 1 d, 2 d, and 2 more",
        ),
        ({"request": {"quantity": "5"}}, ""),
        ({"records": []}, ""),
        ("5 cpu", ""),
        (None, ""),
    ],
)
def test_what_an_error_of_the_state_file_would_have_sent_is_remembered(
    payload: object, due: str
) -> None:
    state = PlanState(errors={JULY: {"c": {"code": "X", "payload": payload}}})
    found = journals.observe(Journal(), state, "t-9").at(JULY)
    assert found == {"c": Unresolved(code="X", since="t-9", due=due)}
