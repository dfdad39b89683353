"""A month whose usage has moved far is held until an operator approves that very bill."""

import hashlib
import json
from fractions import Fraction

import msgspec

from functions.domain.ledger.entry import Decision
from functions.domain.month import Month
from functions.domain.months.totals import MonthTotals, change
from functions.domain.plan import Plan
from functions.domain.usage.bill import MonthBill
from functions.domain.wording import number, some


class Held(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A bill that is not sent: its digest, what has moved, and since when it is held.

    `changed`: another bill of this month was held before it. `approval`: who lets it through.
    """

    digest: str
    moves: tuple[str, ...]
    since: str
    changed: bool = False
    approval: Decision | None = None


def compared(
    bill: MonthBill, now: MonthTotals, before: MonthTotals, limit: Fraction, since: str
) -> Held:
    """Return what a bill would be held as; it is not held unless something has moved."""
    carried = some(
        f"{contract.contract_id} {name}: {number(text)} carried in from other months"
        for contract in bill.contracts
        for name, text in contract.carried.items()
        if abs(Fraction(text)) >= 1  # more than rounding leaves
    )
    moved = (*moves(now, before, limit), *carried)
    return Held(digest=digest(bill), moves=moved, since=since)


def digest(bill: MonthBill) -> str:
    """Return what a bill is known by: its quantities per contract and dimension, in any order."""
    lines = sorted(
        (contract.contract_id, name, quantity)
        for contract in bill.contracts
        for name, quantity in contract.quantities.items()
    )
    return hashlib.sha256(msgspec.json.encode(lines)).hexdigest()


def moves(now: MonthTotals, before: MonthTotals, limit: Fraction | None) -> tuple[str, ...]:
    """Return the dimensions whose usage is new, gone, or has moved by more than a share.

    Without a `limit` those that are gone.
    """
    found = []
    for name in sorted(now.usage.keys() | before.usage.keys()):
        today, earlier = now.usage.get(name, "0"), before.usage.get(name, "0")
        used, was = Fraction(today), Fraction(earlier)
        far = limit is not None and (not was or abs(used - was) > limit * abs(was))
        if used != was and (not used or far):
            then = " ".join(filter(None, (number(earlier), "in", before.month, before.missing)))
            here = " ".join(filter(None, (number(today), now.missing)))
            found.append(f"{name}: {then}, now {here} ({change(used, was)})")
    return tuple(some(found))


def explain(month: Month, held: Held, plan: Plan, *, dry_run: bool = False) -> str:
    """Say what is held and why, and what lets it through."""
    changed = " again, its bill has changed," if held.changed else ""
    head = (
        f"{month} {'would be' if dry_run else 'is'} held{changed} because usage moved by more "
        f"than {plan.approve_above} or was carried in: {'; '.join(held.moves)}"
    )
    if dry_run:
        return head
    given = json.dumps({"plan": plan.key, "approve": str(month), "reason": "..."})
    way_out = f"correct its usage, or start {given} to bill it as it is"
    return f"{head}. Nothing more of it is sent: {way_out}"
