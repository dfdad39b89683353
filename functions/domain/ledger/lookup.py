"""What a look at the receiver's records says about the lines of an entry: pure transitions.

What may be sent now is returned beside the entry, not in it: it is true for this moment only.
"""

from collections.abc import Callable, Collection, Sequence
from decimal import Decimal, localcontext
from typing import NamedTuple

from msgspec.structs import replace

from functions.domain.ledger.entry import (
    DUPLICATE,
    NOT_ACCEPTED,
    OTHER_QUANTITY,
    TAKEN_OVER,
    UNCLAIMED,
    Entry,
    Line,
)
from functions.domain.ledger.listing import Listing, Stored
from functions.domain.ledger.owner import Owner, nobodys, others_of, owners_of
from functions.domain.ledger.reading import read_quantity, same_quantity
from functions.domain.wording import some
from functions.partners import RECEIVER


class Look(NamedTuple):
    """The entry as it is now known, and the dimensions that may be sent at this moment."""

    entry: Entry
    free: Collection[str]


def looked(
    entry: Entry, listing: Listing, owners: Sequence[Owner], is_over: Callable[[Line], bool]
) -> Look:
    """Note what the receiver lists for the lines that had to be looked up.

    `owners`: as many stored records may be theirs. `is_over`: the last request left so long ago
    that the line may be sent again if it is not listed.
    """
    known = {line.dimension for line in entry.lines} | {o.dimension for o in owners} - {""}
    found, listing = {}, listing.by(known)
    for line in entry.to_look_up:
        name = line.dimension
        others = others_of(owners, name, listing)
        # What was rejected as a duplicate at the first try was sent by others.
        rejected = line.code not in ("", OTHER_QUANTITY) and not line.doubts
        sent = name in entry.sent and not rejected
        answered = is_over(line) or line.state != "sent"  # no request can still be on its way
        doubt = _doubt(line, listing, known, [*owners, *owners_of([entry])])
        found[name] = _found(line, listing.of(name), others, doubt, answered=answered, sent=sent)
    lines = tuple(found.get(line.dimension) or line for line in entry.lines)
    free = {name for name, line in found.items() if line is None}
    return Look(replace(entry, lines=lines), free)


def _doubt(line: Line, listing: Listing, known: Collection[str], owners: Collection[Owner]) -> str:
    """Return what may be the line although it does not look like it; empty if nothing may.

    An operator who has looked says so; that says nothing of what was sent since.
    """
    if line.evidence == NOT_ACCEPTED and not line.is_fixed:
        return ""
    stray = listing.stray(line.dimension, line.quantity)
    doubt = listing.doubt(line.dimension) or stray or nobodys(line, listing, known, owners)
    return doubt or (listing.unclear if line.state == "sent" or line.doubts else "")


def _found(
    line: Line,
    stored: Sequence[Stored],
    others: Sequence[Owner],
    doubt: str,
    *,
    answered: bool,
    sent: bool,
) -> Line | None:
    """Return what became of a line; None if it is not there and may be sent."""
    billed = [record for record in stored if record.status == "billed"]
    # Of two plans with equal quantities one may be the other under a new name.
    left = _without(billed, [o for o in others if o.certain and not o.is_as_much(line)])
    ours = [r for r in left if r.whole and same_quantity(r.quantity, line.quantity)]
    theirs = [o for o in others if o.is_as_much(line)]
    surplus = _surplus(line, billed, others)
    if len(ours) > len(theirs):
        taken = replace(line, state="accepted", surplus=surplus, message="")
        evidence = "listing" if sent else TAKEN_OVER
        return replace(taken, evidence=evidence, record_id=ours[0].record_id)
    if left and answered:
        refused = replace(_conflict(line, billed, others), surplus=surplus)
        return replace(refused, evidence=UNCLAIMED) if ours and sent else refused
    if doubt := doubt or _undecided(stored):
        return replace(line, state="sent" if line.state == "sent" else "present", message=doubt)
    # What the receiver has said to hold may not be listed yet.
    if not answered or line.code == OTHER_QUANTITY or (line.code and line.doubts):
        return line
    return _rejected(line, billed, others) if line.code else None


def _rejected(line: Line, billed: Sequence[Stored], others: Sequence[Owner]) -> Line:
    """Refuse a line as a duplicate of what is not its own."""
    if billed:
        return _conflict(line, billed, others)
    return _duplicate(
        line, f"{RECEIVER} rejects the record as a duplicate but lists no billed one of this plan"
    )


def _undecided(stored: Sequence[Stored]) -> str:
    found = [record.record_id for record in stored if record.status != "billed"]
    return f"record {found[0]} is listed, but it is not clear whether it is billed" if found else ""


def _duplicate(line: Line, message: str) -> Line:
    return replace(line, state="refused", code=DUPLICATE, message=message, errors=(message,))


def _surplus(line: Line, billed: Sequence[Stored], others: Sequence[Owner]) -> str:
    """Name the records if more of them are billed than there are plans to account for them."""
    if len(billed) <= len(others) + 1:
        return ""
    return (
        f"{RECEIVER} bills {len(billed)} records of {line.dimension} for this contract and month, "
        f"{_records(billed)}; the customer may be charged more than once"
    )


def _conflict(line: Line, billed: Sequence[Stored], others: Sequence[Owner]) -> Line:
    """Refuse a line whose window holds another quantity, or another plan's record."""
    known = [owner for owner in others if owner.quantity]
    left = _without(billed, known)[len(others) - len(known) :]
    with localcontext(prec=120):
        quantity = sum((read_quantity(found.quantity) or 0 for found in left), Decimal(0))
    whose = f"not the {line.quantity} of this plan"
    taken = f"{quantity:f}"
    if not left:
        # Others account for all of it. One with our quantity may be this plan, renamed.
        taken = "" if any(same_quantity(one.quantity, line.quantity) for one in billed) else "0"
        plans = ", ".join(sorted({owner.plan for owner in others}))
        whose = f"which {plans} accounts for; the {line.quantity} of this plan is not listed"
    listed = f"{RECEIVER} bills {line.dimension} for this contract and month: {_records(billed)}"
    refused = _duplicate(line, f"{listed}, {whose}")
    record = (left or billed)[0].record_id
    return replace(refused, billed=taken, record_id=record)


def _without(billed: Sequence[Stored], owners: Sequence[Owner]) -> list[Stored]:
    """Return the records that these plans do not account for by their quantities."""
    left = list(billed)
    for owner in owners:
        same = [record for record in left if same_quantity(record.quantity, owner.quantity)]
        if same:
            left.remove(same[0])
    return left


def _records(billed: Sequence[Stored]) -> str:
    shown = [
        f"{record.quantity}{'' if record.whole else ' of a part of the month'} "
        f"(record {record.record_id or 'without id'})"
        for record in billed
    ]
    return ", ".join(some(shown, 10))


def not_listable(entry: Entry) -> Look:
    """Note that the receiver cannot be asked.

    A line that was never sent is sent without a look. A duplicate rejection of a record that is
    known to have left unchanged before is evidence enough; everything else stays in doubt.
    """
    lines = tuple(
        replace(line, state="accepted", evidence="duplicate rejection")
        if line.state == "present" and line.code and line.doubts
        else line
        for line in entry.lines
    )
    free = {line.dimension for line in lines if not line.is_fixed}
    return Look(replace(entry, lines=lines), free)
