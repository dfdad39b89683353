"""The ledger's transitions: pure steps from one immutable entry to the next.

The caller makes each step durable with a conditional write before it acts on it. The rule that
keeps a customer from being billed twice: the receiver is asked before anything is sent, a line is
`sent` on disk before the request leaves, and a `sent` line is never sent again until the receiver,
asked after the request must have ended, does not list it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from functions.domain.answers import Answer
from functions.domain.ledger_entry import DUPLICATE, Attempt, Decision, Entry, Failure, Line
from functions.domain.month import parse_instant


def reopen(entry: Entry, decision: Decision, *, lines: bool = True) -> Entry:
    """Let a failed entry be tried again: what is not billed may be sent after another look.

    `lines`: false if there is nothing to try their quantities with.
    """
    reopened = tuple(
        replace(
            line,
            state="present" if line.code == DUPLICATE else "unsure",
            in_doubt_before=False,
            code="",
            message="",
            errors=(),
        )
        if line.state in ("refused", "open")
        else line
        for line in entry.lines
    )
    return replace(
        entry,
        lines=reopened if lines else entry.lines,
        failure=None,
        retries=entry.retries + 1,
        decisions=(*entry.decisions, decision),
    )


def begin(entry: Entry, attempt: Attempt) -> Entry:
    """Note that the sendable lines are about to leave. Must be durable before the request."""
    leaving = {line.dimension for line in entry.sendable}
    lines = tuple(
        replace(line, state="sent") if line.dimension in leaving else line for line in entry.lines
    )
    return replace(entry, lines=lines, attempts=(*entry.attempts, attempt))


def conclude(
    entry: Entry,
    attempt_id: str,
    answers: Mapping[str, Answer],
    *,
    outcome: str,
    status: int | None = None,
    response: str = "",
) -> Entry:
    """Note what the receiver answered. Evidence is kept whoever holds the entry by now.

    A late answer to an older attempt counts only if it says `accepted`: a newer attempt may have
    changed everything else.
    """
    attempts = tuple(
        replace(attempt, outcome=outcome, status=status, response=response)
        if attempt.id == attempt_id
        else attempt
        for attempt in entry.attempts
    )
    newest = entry.attempts[-1].id == attempt_id
    lines = tuple(
        _answered(line, answers[line.dimension])
        if line.dimension in answers and _counts(line, answers[line.dimension], newest=newest)
        else line
        for line in entry.lines
    )
    return replace(entry, lines=lines, attempts=attempts)


def _counts(line: Line, answer: Answer, *, newest: bool) -> bool:
    if line.state == "accepted":
        return False
    return answer.kind == "accepted" or (newest and line.state != "waived")


def _answered(line: Line, answer: Answer) -> Line:
    if answer.kind == "accepted":
        return replace(line, state="accepted", evidence="response", record_id=answer.record_id)
    if answer.kind == "refused":
        return replace(
            line,
            state="refused",
            record_id=answer.record_id,
            code=answer.code,
            message=answer.message,
            errors=answer.errors,
        )
    if answer.kind == "present":
        return replace(line, state="present", message=answer.message, code=answer.code)
    if answer.kind == "not_taken":
        return replace(line, state="open")
    return replace(line, in_doubt_before=True)


def request_over(entry: Entry, now: datetime, settle_seconds: float) -> bool:
    """Whether the last request, of whatever execution, has ended for certain."""
    if not entry.attempts:
        return True
    since = now - parse_instant(entry.attempts[-1].at)
    return since.total_seconds() >= settle_seconds


def hindered(entry: Entry, reason: str) -> Entry:
    """Note what keeps the contract from being sent although nothing is wrong with it."""
    return replace(entry, hindered_by=reason)


def fail(entry: Entry, failure: Failure) -> Entry:
    """Close the entry with what a person has to look at."""
    return replace(entry, failure=failure, settled_at=failure.at)


def succeed(entry: Entry, at: str) -> Entry:
    """Close the entry as billed; ValueError if the evidence is not there."""
    if not entry.accepted:
        raise ValueError(f"contract {entry.contract_id} of {entry.month} is not accepted in full")
    return replace(entry, failure=None, settled_at=at)
