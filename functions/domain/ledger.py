"""The ledger's transitions: pure steps from one immutable entry to the next.

The caller makes each step durable with a conditional write before it acts on it. The rule that
keeps a customer from being billed twice: the receiver is asked before anything is sent, a line is
`sent` on disk before the request leaves, and a `sent` line is never sent again until the receiver,
asked after the request must have ended, does not list it.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from functions.domain.answers import Answer
from functions.domain.ledger_entry import DUPLICATE, Attempt, Entry, Failure, Line


def open_entry(
    *, plan: str, month: str, contract: str, quantities: Mapping[str, str], execution: str, at: str
) -> Entry:
    """Return the first entry of a contract's month: the intent to bill these quantities."""
    lines = tuple(
        Line(dimension=name, quantity=quantity) for name, quantity in sorted(quantities.items())
    )
    return Entry(
        plan=plan,
        month=month,
        contract_id=contract,
        execution=execution,
        claimed_at=at,
        lines=lines,
    )


def claim(entry: Entry, quantities: Mapping[str, str], *, execution: str, at: str) -> Entry:
    """Take over an entry for this execution and bring its open lines up to date.

    A quantity that was accepted or may have been is never changed; a different result of today's
    computation is kept beside it.
    """
    taken_over = entry.execution != execution
    lines = tuple(
        _refreshed(line, quantities.get(line.dimension), taken_over=taken_over)
        for line in entry.lines
    )
    known = {line.dimension for line in entry.lines}
    added = tuple(
        Line(dimension=name, quantity=quantity)
        for name, quantity in sorted(quantities.items())
        if name not in known
    )
    kept = tuple(line for line in lines if line is not None)
    return replace(
        entry,
        execution=execution,
        claimed_at=at,
        lines=kept + added,
        hindered_by="",
        settled_at=None,
    )


def _refreshed(line: Line, quantity: str | None, *, taken_over: bool) -> Line | None:
    if line.state == "open" and taken_over:  # what an earlier execution has seen may be old
        line = replace(line, state="unsure")
    if line.state in ("open", "unsure") and not line.in_doubt_before:
        return replace(line, quantity=quantity) if quantity else None
    later = None if quantity == line.quantity else quantity or "0"
    return replace(line, computed_later=later)


def reopen(entry: Entry, *, execution: str, at: str) -> Entry:
    """Let a failed entry be tried again: what is not billed may be sent after another look."""
    lines = tuple(
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
        lines=lines,
        failure=None,
        retries=entry.retries + 1,
        execution=execution,
        claimed_at=at,
        settled_at=None,
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
        if line.dimension in answers
        and line.state != "accepted"
        and (newest or answers[line.dimension].kind == "accepted")
        else line
        for line in entry.lines
    )
    return replace(entry, lines=lines, attempts=attempts)


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
