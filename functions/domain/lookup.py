"""What a look at the receiver's records says about the lines of an entry: pure transitions."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from functions.domain.answers import Stored, same_quantity
from functions.domain.ledger_entry import DUPLICATE, Entry, Line


def looked(
    entry: Entry,
    stored: Mapping[str, tuple[Stored, ...]],
    foreign: Mapping[str, int],
    *,
    request_over: bool,
) -> Entry:
    """Note what the receiver lists for the lines that had to be looked up.

    `foreign` counts, per dimension, the other plans whose ledger holds this contract's month: as
    many stored records are theirs. `request_over`: the last request left so long ago that it has
    arrived by now or never will; before that, not being listed says nothing.
    """
    lines = tuple(
        _looked(
            line,
            stored.get(line.dimension, ()),
            foreign.get(line.dimension, 0),
            request_over=request_over,
        )
        if line in entry.to_look_up
        else line
        for line in entry.lines
    )
    return replace(entry, lines=lines)


def _looked(line: Line, stored: tuple[Stored, ...], foreign: int, *, request_over: bool) -> Line:
    # A failed record is not billed and says nothing about this request.
    billed = [record for record in stored if record.status == "success"]
    undecided = [record for record in stored if record.status not in ("success", "fail", "error")]
    ours = [record for record in billed if same_quantity(record.quantity, line.quantity)]
    if len(ours) > foreign:
        return replace(line, state="accepted", evidence="listing", record_id=ours[0].record_id)
    if billed:
        return _conflict(line, billed[0])
    if undecided:
        return replace(line, state="present") if line.state == "unsure" else line
    return _absent(line, request_over=request_over)


def _absent(line: Line, *, request_over: bool) -> Line:
    if line.state == "unsure":
        return replace(line, state="open")
    if not request_over:
        return line
    if line.state == "sent":
        return replace(line, state="open", in_doubt_before=True)
    if not line.code:  # what was there has gone: re-opened, or never decided
        return replace(line, state="open")
    message = "Clazar refuses the record as a duplicate but lists no billed one"
    return replace(line, state="refused", code=DUPLICATE, message=message, errors=(message,))


def _conflict(line: Line, stored: Stored) -> Line:
    message = (
        f"Clazar already bills {stored.quantity} of {line.dimension} for this contract and month "
        f"(record {stored.record_id}), sent by somebody else or with another quantity; "
        f"ours is {line.quantity} and was not billed"
    )
    return replace(
        line,
        state="refused",
        code=DUPLICATE,
        message=message,
        errors=(message,),
        record_id=stored.record_id,
    )


def not_listable(entry: Entry) -> Entry:
    """Note that the receiver cannot be asked.

    A line that may be sent is sent without a look. A duplicate rejection of a record that we know
    to have left unchanged before is evidence enough; everything else stays in doubt.
    """
    lines = tuple(
        replace(line, state="open")
        if line.state == "unsure"
        else replace(line, state="accepted", evidence="duplicate rejection")
        if line.state == "present" and line.in_doubt_before
        else line
        for line in entry.lines
    )
    return replace(entry, lines=lines)
