"""What a month's report says of one contract: a row per billed dimension, and its other usage."""

from collections.abc import Collection, Iterator
from fractions import Fraction

import msgspec

from functions.domain.formula import ByDimension, exact_text
from functions.domain.ledger.coverage import never_read, read_by
from functions.domain.ledger.entry import Entry, Line
from functions.domain.ledger.failures import FORMULA
from functions.domain.usage.bill import ContractBill
from functions.partners import RECEIVER

READ, UNREAD = "read by a formula", "not read by any formula"
BY_HAND, NOT_COMPUTED, NOTHING = "settled in the state file", "not computed", "nothing to bill"
# Nobody who reads a report should take a request that left for one that was accepted.
OUTCOME_OF = {"sent": "in doubt", "present": "in doubt", "unsure": "not sent"}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One contract's dimension: usage + carried_in = due = billed + open + waived + remainder.

    `usage`: the exact amount that the row is billed from, in the unit of its dimension: a formula's
    value where there is one. `carried_in`: what rounding left of the contract's other months.
    `billed`: the quantity that the receiver has accepted. `open`: one that it has not, or not yet.
    `waived`: given up by a decision, or settled in the state file. `remainder`: what rounding
    leaves to other months. All are empty where a formula has no value. `usage_before`: the usage of
    the month that this one is compared with. `code`, `message`: why it is not billed.
    """

    contract_id: str
    dimension: str
    usage: str = ""
    carried_in: str = ""
    due: str = ""
    billed: str = ""
    open: str = ""
    waived: str = ""
    remainder: str = ""
    usage_before: str = ""
    outcome: str
    evidence: str = ""
    record_id: str = ""
    code: str = ""
    message: str = ""
    detail: str = ""


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """Usage that is not billed under its own name."""

    contract_id: str
    dimension: str
    usage: str
    note: str


def rows_of(
    bill: ContractBill, entry: Entry | None, formulas: ByDimension, *, by_hand: bool
) -> Iterator[Row]:
    """Yield a row for what the ledger holds and, until a contract is settled, what is to be billed.

    A contract that is settled, or whose window ended before the month, takes nothing more: what a
    formula reads that was added since stays open.
    """
    lines = {line.dimension: line for line in entry.lines} if entry else {}
    held = lines.keys() | (entry.unbilled.keys() if entry else set())
    final = entry and ((entry.until and held) or (entry.settled_at and not entry.failure))
    names = set(formulas or bill.usage)
    if final:
        names -= names if bill.failure else bill.amounts.keys()  # what is zero stays in sight
        if entry and not entry.waived:
            names |= never_read(entry, bill.quantities, formulas)
    else:
        names |= bill.amounts.keys()
    for name in sorted(held | names):
        yield _row(bill, entry, name, lines.get(name), by_hand=by_hand)


def _row(
    bill: ContractBill, entry: Entry | None, name: str, line: Line | None, *, by_hand: bool
) -> Row:
    carried = (line.carried if line else bill.carried.get(name)) or "0"
    column, outcome = _became(entry, line, by_hand=by_hand)
    code, message = _cause(bill, entry, line)
    money = {}
    if (amount := _amount(bill, entry, name, line)) is not None:
        carried = "0" if column == "waived" else carried  # it is left to other months
        due = Fraction(amount) + Fraction(carried)
        quantity = "0" if entry and name in entry.unbilled else bill.quantities.get(name, "0")
        taken = due if column == "waived" else Fraction(line.taken if line else quantity)
        money = {"usage": amount, "carried_in": carried, "due": exact_text(due)}
        money |= {**_shares(line, column, taken), "remainder": exact_text(due - taken)}
        outcome = outcome or ("not sent" if taken else NOTHING)
    return Row(
        contract_id=bill.contract_id,
        dimension=name,
        **money,
        outcome=outcome or NOT_COMPUTED,
        evidence=line.evidence if line else "",
        record_id=(line.record_id or "") if line else "",
        code=code,
        message=message,
        detail="; ".join(filter(None, _details(bill, entry, name, line))),
    )


def _shares(line: Line | None, column: str, taken: Fraction) -> dict[str, str]:
    """Return what is billed, open and waived of a quantity, nearly all of it in one column."""
    # The receiver may bill another quantity than ours, or one that we have not sent.
    billed = Fraction(line.billed) if line and line.billed else Fraction(0)
    shares = {"billed": billed, "open": Fraction(0), "waived": Fraction(0)}
    shares[column] += taken - billed
    return {share: exact_text(value) for share, value in shares.items()}


def _amount(bill: ContractBill, entry: Entry | None, name: str, line: Line | None) -> str | None:
    """Return the usage that a row is billed from; None where a formula has no value."""
    if entry and (known := entry.amounts.get(name)):
        return known
    if line:
        return exact_text(Fraction(line.quantity) - Fraction(line.carried or "0"))
    return None if bill.failure else exact_text(bill.amount(name))


def _became(entry: Entry | None, line: Line | None, *, by_hand: bool) -> tuple[str, str]:
    """Return the column of a row's quantity, and its outcome where that does not depend on it.

    `by_hand`, without evidence in the ledger, is the word of an operator or of the earlier script.
    """
    if line and line.state == "accepted":
        return "billed", line.state
    if by_hand and not (entry and entry.accepted):
        return "waived", BY_HAND
    if (line and line.state == "waived") or (not line and entry and entry.waived):
        return "waived", "waived"
    return "open", OUTCOME_OF.get(line.state, line.state) if line else ""


def _cause(bill: ContractBill, entry: Entry | None, line: Line | None) -> tuple[str, str]:
    """Return code and message of what the ledger, or today's formula, says is wrong."""
    code, message = (line.code, line.message) if line else ("", "")
    if line and line.state in ("accepted", "waived"):
        return code, message
    if entry and (failure := entry.failure):
        return code or failure.code, message or failure.message
    return code or (FORMULA if bill.failure else ""), message or bill.failure or ""


def _details(
    bill: ContractBill, entry: Entry | None, name: str, line: Line | None
) -> Iterator[str]:
    if line and line.billed:
        yield f"{RECEIVER} bills {line.billed}, not {line.quantity}"
    if line and line.surplus:
        yield line.surplus
    if entry is None:
        return
    held, today = entry.amounts.get(name, ""), bill.amounts.get(name, "0")
    if held and not bill.failure and held != today:
        yield f"today's files and configuration come to {today}"
    for made in entry.decisions:
        if made.what != "reopened":
            yield f"{made.what} by an operator: {made.reason} ({made.at}, {made.execution})"
    if entry.until:
        yield f"until {entry.until}"


def inputs_of(
    bill: ContractBill,
    entry: Entry | None,
    shown: Collection[str],
    formulas: Collection[str],
    unread: Collection[str],
) -> Iterator[Input]:
    """Yield the usage that is in no row: read by formulas, by none, or too late.

    What is settled is read by the formulas that it was billed with; `unread`: by none of today's.
    """
    if entry and entry.formulas and entry.settled_at and not entry.failure:
        unread = bill.usage.keys() - read_by(entry)
    for name, text in sorted(bill.usage.items()):
        if name not in shown:
            late = "came after the contract was settled: not billed"
            note = UNREAD if name in unread else READ
            note = note if formulas else late
            yield Input(contract_id=bill.contract_id, dimension=name, usage=text, note=note)
