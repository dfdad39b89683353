"""Why a contract's month needs an operator, in words: read from its ledger entry."""

from __future__ import annotations

from functions.domain.ledger_entry import Entry, Failure

OUTCOME_UNKNOWN, FORMULA = "OUTCOME_UNKNOWN", "FORMULA"
CONFIGURATION_CHANGED = "CONFIGURATION_CHANGED"
# Nothing could be worked out to be sent, so evidence of what was sent before settles nothing.
NOT_COMPUTED = (FORMULA, CONFIGURATION_CHANGED)


def explain(entry: Entry, at: str, *, error: str, cause: str) -> Failure:
    """Say what went wrong: nothing to send, an unknown outcome, a refusal, or the partner.

    `error` and `cause` are what Catch passed on; they count only where the entry says nothing,
    except for what could not be computed.
    """
    doubts = tuple(
        f"{line.dimension}: {line.quantity} may or may not have been accepted"
        f"{f' ({line.message})' if line.message else ''}"
        for line in entry.in_doubt
    )
    if error in NOT_COMPUTED:
        return Failure(code=error, message=cause, errors=(cause, *doubts), at=at)
    if not entry.lines and entry.until:
        text = (
            f"final usage until {entry.until} was not billed; start it again with the same "
            "contracts and until"
        )
        return Failure(code="FINAL_USAGE", message=text, errors=(text,), at=at)
    if not entry.lines:
        text = f"the files of {entry.month} hold no usage of this contract"
        return Failure(code="NO_USAGE", message=text, errors=(text,), at=at)
    refusals = tuple(
        f"{line.dimension}: {text}"
        for line in entry.refused
        for text in line.errors or (line.message,)
    )
    if doubts:
        return Failure(
            code=OUTCOME_UNKNOWN,
            message="It is not known whether Clazar accepted this usage. Check in Clazar, then "
            "resolve it. Removing this entry makes the next run ask Clazar again before it sends "
            "anything.",
            errors=doubts + refusals,
            at=at,
        )
    if entry.refused:
        first = entry.refused[0]
        return Failure(code=first.code, message=first.message, errors=refusals, at=at)
    return Failure(code=error, message=cause, errors=(cause,), at=at)
