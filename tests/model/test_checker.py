"""The checker finds what is broken on purpose, and tells the way there."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from functions.adapters import documents
from functions.domain.ledger import claim, lookup, transitions
from functions.domain.ledger.entry import Attempt, Entry
from functions.domain.ledger.submission import Answer, Reply, Request
from functions.domain.months import closing
from functions.domain.months.outcome import Outcome, account
from tests.model.explorer import explore
from tests.model.order import Order
from tests.model.outside import Outside
from tests.model.settings import CARELESS, RULELESS, maps, months

Breaks = Callable[[pytest.MonkeyPatch], None]


def an_attempt_that_is_not_written_down(change: pytest.MonkeyPatch) -> None:
    def begin(entry: Entry, attempt: Attempt) -> Entry:
        return replace(entry, attempts=(*entry.attempts, attempt))

    change.setattr(transitions, "begin", begin)


def a_look_that_does_not_wait(change: pytest.MonkeyPatch) -> None:
    looked = lookup.looked

    def hasty(entry: Entry, listing: Any, owners: Any, _is_over: Any) -> Any:
        return looked(entry, listing, owners, lambda _line: True)

    change.setattr(lookup, "looked", hasty)


def an_answer_that_is_taken_for_granted(change: pytest.MonkeyPatch) -> None:
    conclude = transitions.conclude

    def hopeful(entry: Entry, attempt_id: str, reply: Reply) -> Entry:
        granted = dict.fromkeys(reply.answers, Answer(kind="accepted"))
        return conclude(entry, attempt_id, reply._replace(answers=granted))

    change.setattr(transitions, "conclude", hopeful)


def a_lost_answer_that_counts_as_not_taken(change: pytest.MonkeyPatch) -> None:
    submit = Outside.submit

    def forgetful(self: Outside, request: Request) -> Reply:
        reply = submit(self, request)
        if reply.outcome != "unknown":
            return reply
        return reply._replace(answers=dict.fromkeys(reply.answers, Answer(kind="not_taken")))

    change.setattr(Outside, "submit", forgetful)


def a_takeover_that_forgets_what_was_sent(change: pytest.MonkeyPatch) -> None:
    brought = claim._brought_up_to_date  # noqa: SLF001  # there is no other way to break it

    def forgetful(entry: Entry, item: Any, terms: Any) -> Entry:
        if entry.execution == terms.execution:
            return brought(entry, item, terms)
        unsent = tuple(
            replace(line, state="unsure") if line.state == "sent" else line for line in entry.lines
        )
        return brought(replace(entry, lines=unsent), item, terms)

    change.setattr(claim, "_brought_up_to_date", forgetful)


@pytest.mark.parametrize(
    ("breaks", "promise", "longest"),
    [
        (an_attempt_that_is_not_written_down, "I1", 16),
        (a_look_that_does_not_wait, "I1", 16),
        (a_lost_answer_that_counts_as_not_taken, "I1", 16),
        (a_takeover_that_forgets_what_was_sent, "I1", 16),
        (an_answer_that_is_taken_for_granted, "I4", 16),
    ],
)
def test_a_broken_step_is_found(
    breaks: Breaks, promise: str, longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(monkeypatch)
    found = explore(maps(CARELESS), 1)
    assert found.violation.startswith(promise)
    assert 0 < len(found.trace) <= longest, found.trace


def test_a_month_that_closes_without_an_account_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def complacent(*arguments: Any, **more: Any) -> Outcome:
        return account(*arguments, **more)._replace(unaccounted=[])

    monkeypatch.setattr(closing, "account", complacent)
    found = explore(months(CARELESS, contracts=1), 1)
    assert found.violation == "I2: the month is closed without c-1"


def test_a_success_that_is_not_in_the_ledger_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def generous(*arguments: Any, **more: Any) -> Outcome:
        found = account(*arguments, **more)
        return found._replace(accepted=[*found.accepted, *found.unaccounted], unaccounted=[])

    monkeypatch.setattr(closing, "account", generous)
    found = explore(months(CARELESS, contracts=1), 1)
    assert found.violation.startswith(("I2", "I4"))


def test_a_write_without_a_condition_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(self: Any, value: Any, over: Any) -> Any:
        self._objects.put(self.key, b"{}")
        return over or documents.Version(value, "0")

    monkeypatch.setattr(documents.Document, "write", careless)
    with pytest.raises(AssertionError, match="written without a condition"):
        explore(months(CARELESS, contracts=1), 0)


def both_work_at_once(change: pytest.MonkeyPatch) -> None:
    """Nobody believes that anybody else runs, and nobody waits for the lease."""
    change.setattr(Outside, "is_running", lambda _self, _execution: False)
    change.setattr(Order, "waits", lambda *_: False)
    change.setattr(Order, "undisturbed", lambda *_: None)


@pytest.mark.parametrize("receiver", RULELESS, ids=str)
def test_without_leases_still_nothing_is_billed_twice(
    receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_work_at_once(monkeypatch)
    found = explore(months(receiver, contracts=1), 0)
    assert not found.violation, found.trace
    assert found.states > 1_000
