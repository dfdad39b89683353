"""Why a contract's month needs an operator, in words: read from its ledger entry."""

from functions.domain.ledger.entry import Entry, Failure
from functions.partners import RECEIVER

OUTCOME_UNKNOWN, FORMULA, NO_USAGE = "OUTCOME_UNKNOWN", "FORMULA", "NO_USAGE"
CONFIGURATION_CHANGED = "CONFIGURATION_CHANGED"
# Nothing could be worked out to be sent, so evidence of what was sent before settles nothing.
NOT_COMPUTED = (FORMULA, CONFIGURATION_CHANGED)


def explain(entry: Entry, at: str, *, error: str, cause: str) -> Failure:
    """Explain what went wrong: nothing to send, an unknown outcome, a refusal, or the partner.

    `error` and `cause` are what Catch passed on; they count only where the entry says nothing,
    except for what could not be computed.
    """
    code, message = error, cause
    errors: tuple[str, ...] = (cause,)
    if error in NOT_COMPUTED:
        errors = (cause, *doubts(entry))
    elif not entry.lines and entry.until:
        code = "FINAL_USAGE"
        again = "start it again with the same contracts and until"
        message = f"final usage until {entry.until} was not billed; {again}"
        errors = (message,)
    elif not entry.lines or (error == NO_USAGE and not entry.in_doubt):
        code, message = NO_USAGE, f"the files of {entry.month} hold no usage of this contract"
        errors = (message, *refusals(entry))
    elif entry.in_doubt:
        code = OUTCOME_UNKNOWN
        message = (
            f"{RECEIVER} may or may not have accepted this usage: look for it there, then resolve "
            f"it; a retry asks {RECEIVER} again before it sends anything"
        )
        errors = doubts(entry) + refusals(entry)
    elif entry.refused:
        code, message, errors = entry.refused[0].code, entry.refused[0].message, refusals(entry)
    return Failure(code=code, message=message, errors=errors, at=at)


def doubts(entry: Entry) -> tuple[str, ...]:
    """Name the lines that may or may not have been accepted."""
    return tuple(
        f"{line.dimension}: {line.quantity} may or may not have been accepted"
        f"{f' ({line.message})' if line.message else ''}"
        for line in entry.in_doubt
    )


def refusals(entry: Entry) -> tuple[str, ...]:
    """Name the lines that were refused, with the reasons that the receiver gave."""
    return tuple(
        f"{line.dimension}: {text}"
        for line in entry.refused
        for text in line.errors or (line.message,)
    )
