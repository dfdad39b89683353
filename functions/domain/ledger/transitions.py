"""The ledger's transitions: pure steps from one immutable entry to the next.

The caller makes each step durable with a conditional write before it acts on it. The rule that
keeps a customer from being billed twice: the receiver is asked right before anything is sent, a
line is `sent` on disk before the request leaves, and a `sent` line is never sent again until the
receiver, asked after the request must have ended, does not list it.
"""

from datetime import datetime

from msgspec.structs import replace

from functions.domain.ledger.entry import (
    BY_RESPONSE,
    DUPLICATE,
    UNCLAIMED,
    Attempt,
    Decision,
    Entry,
    Failure,
    Line,
    LineState,
)
from functions.domain.ledger.submission import UNKNOWN, Answer, Reply
from functions.domain.month import parse_instant
from functions.errors import BadState, LeaseLost

# Until a line may be sent again: as often as the settle time by how often its outcome was unknown.
# An answer that came through (2xx) counts as one more: what was received may be listed late.
SETTLE_TIMES = (1, 30)
_SHOWN = 200


def reopen(entry: Entry, decision: Decision, *, lines: bool = True) -> Entry:
    """Let a failed entry be tried again: what is not billed may be sent after another look.

    `lines`: false if there is nothing to try their quantities with.
    """
    tried_again = tuple(_untried(line) for line in entry.lines)
    return replace(
        entry,
        lines=tried_again if lines else entry.lines,
        failure=None,
        retries=entry.retries + 1,
        decisions=(*entry.decisions, decision),
    )


def _untried(line: Line) -> Line:
    if line.state != "refused":
        return line
    state: LineState = "present" if line.code == DUPLICATE else "unsure"
    return replace(line, state=state, doubts=0, billed="", code="", message="", errors=())


def begin(entry: Entry, attempt: Attempt) -> Entry:
    """Note that the attempt's lines are about to leave. Must be durable before the request.

    This is also where it is kept that the receiver did not list them: true for this moment only.
    """
    lines = tuple(
        replace(line, state="sent", doubts=_doubts(entry, line), message="")
        if line.dimension in attempt.dimensions
        else line
        for line in entry.lines
    )
    return replace(entry, lines=lines, attempts=(*entry.attempts, attempt), asked=None)


def _doubts(entry: Entry, line: Line) -> int:
    unknown = line.state != "unsure" and line.dimension in entry.sent
    return min(line.doubts + unknown, len(SETTLE_TIMES))


def conclude(entry: Entry, attempt_id: str, reply: Reply) -> Entry:
    """Note what the receiver answered. Evidence is kept whoever holds the entry by now.

    A late answer to an older attempt counts only if it says `accepted`: a newer attempt may have
    changed everything else. What was answered but not understood is kept in its words.
    """
    words = f"HTTP {reply.status}: {reply.response[:_SHOWN]}" if reply.status else ""
    unknown = replace(UNKNOWN, message=words)
    answers = {name: unknown if said == UNKNOWN else said for name, said in reply.answers.items()}
    attempts = tuple(
        replace(attempt, outcome=reply.outcome, status=reply.status, response=reply.response)
        if attempt.id == attempt_id
        else attempt
        for attempt in entry.attempts
    )
    newest = entry.attempts[-1].id == attempt_id
    lines = tuple(
        _answered(line, answers.get(line.dimension, UNKNOWN), newest=newest) for line in entry.lines
    )
    return replace(entry, lines=lines, attempts=attempts)


def _answered(line: Line, answer: Answer, *, newest: bool) -> Line:
    if answer.kind == "accepted" and line.state != "accepted":
        return replace(
            line, state="accepted", evidence=BY_RESPONSE, record_id=answer.record_id, message=""
        )
    if line.state in ("accepted", "waived") or not newest:
        return line
    if answer.kind == "refused":
        return replace(
            line,
            state="refused",
            evidence="" if line.evidence == UNCLAIMED else line.evidence,
            record_id=answer.record_id,
            code=answer.code,
            message=answer.message,
            errors=answer.errors,
        )
    if answer.kind == "present":
        return replace(line, state="present", message=answer.message, code=answer.code)
    if answer.kind == "not_taken":
        return replace(line, state="unsure")
    return replace(line, message=answer.message or line.message)


def is_over(entry: Entry, now: datetime, settle_seconds: float, line: Line | None = None) -> bool:
    """Return True if the last request, of whatever execution, has ended for certain.

    `line`: whether it may be sent again as well, if it is not listed. The wait grows with each
    unknown outcome; then only an operator's retry lets it be sent, after the longest one.
    """
    if not entry.attempts:
        return True
    last = entry.attempts[-1]
    unknown = line.doubts + last.got_through if line else 0
    retried = entry.last_word == "reopened"
    if retried and parse_instant(entry.decisions[-1].at) > parse_instant(last.at):
        unknown = min(unknown, 1)
    if unknown >= len(SETTLE_TIMES):
        return False
    since = now - parse_instant(last.at)
    return since.total_seconds() >= settle_seconds * SETTLE_TIMES[unknown]


def claimed(entry: Entry | None, execution: str, key: str) -> Entry:
    """Return an entry that this execution has claimed; BadState or LeaseLost if it has not."""
    if entry is None:
        raise BadState(f"{key} is missing: the contract was not claimed")
    if entry.execution != execution:
        raise LeaseLost(f"{key} was taken over by {entry.execution}")
    return entry


def fail(entry: Entry, failure: Failure) -> Entry:
    """Close the entry with what an operator has to look at."""
    return replace(entry, failure=failure, settled_at=failure.at)


def fail_if_open(known: Entry, failure: Failure, entry: Entry | None) -> Entry:
    """Close the entry as it is now, unless a request that was given up has settled it after all."""
    now = entry or known
    return now if now.settled_at else fail(now, failure)


def succeed(entry: Entry, at: str) -> Entry:
    """Close the entry as billed if the evidence is there, else return it as it is."""
    done = entry.accepted and (entry.failure or not entry.settled_at)
    return replace(entry, failure=None, settled_at=at) if done else entry
