"""What must hold in every state. Each promise is a sentence, said when it is broken."""

from tests.model import month
from tests.model.receiver import Held, of_contract
from tests.model.state import State


def broken(state: State) -> str:
    """Return the first promise that does not hold, nothing if all do."""
    for promise in (_accepted_once, _closed_when_accounted, _accepted_on_evidence, _success):
        if found := promise(state):
            return found
    return ""


def unfinished(state: State, contracts: int) -> str:
    """Say what an undisturbed run has left undone, nothing if all is settled."""
    closed, done, errors = month.state_of_month(state.documents[month.STATE])
    for place, name in enumerate(month.CONTRACTS[:contracts]):
        if name in done and not _full(state.held, place):
            return f"{name} is a success and not accepted in full"
        if name not in done | errors:
            return f"{name} is neither a success nor an error"
    return "" if closed else "the month is still open"


def _full(held: Held, contract: int) -> bool:
    return all(count == 1 for count in of_contract(held, contract))


def _accepted_once(state: State) -> str:
    return "I1: a dimension was accepted twice" if max(state.held) > 1 else ""


def _closed_when_accounted(state: State) -> str:
    closed, _, errors = month.state_of_month(state.documents[month.STATE])
    if not closed:
        return ""
    for place in range(len(state.young)):
        if month.CONTRACTS[place] not in errors and not _full(state.held, place):
            return f"I2: the month is closed without {month.CONTRACTS[place]}"
    return ""


def _accepted_on_evidence(state: State) -> str:
    for place, document in enumerate(state.documents[month.ENTRIES :]):
        held = of_contract(state.held, place)
        if any(not held[dimension] for dimension in month.accepted(document)):
            return f"I4: a line of {month.CONTRACTS[place]} is accepted and not at the receiver"
    return ""


def _success(state: State) -> str:
    _, done, _ = month.state_of_month(state.documents[month.STATE])
    for place, document in enumerate(state.documents[month.ENTRIES :]):
        if month.CONTRACTS[place] in done and len(month.accepted(document)) < len(month.DIMENSIONS):
            return f"I4: {month.CONTRACTS[place]} is a success without all lines accepted"
    return ""
