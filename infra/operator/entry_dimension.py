"""What the ledger holds of one dimension of a contract's month."""

from fractions import Fraction
from typing import NamedTuple

from functions.domain.formula import exact_text
from functions.domain.ledger.entry import Entry, Line
from functions.domain.months.report_rows import OUTCOME_OF
from functions.partners import RECEIVER


def is_computed(entry: Entry) -> bool:
    """Return False where nothing could be worked out to be billed."""
    return bool(entry.lines) or entry.failure is None


class EntryDimension(NamedTuple):
    """A dimension of an entry; `line`: None where nothing was to be sent."""

    entry: Entry
    name: str
    line: Line | None

    @property
    def formula(self) -> str:
        """Empty where usage is billed under its own name."""
        return self.entry.formulas.get(self.name, "")

    @property
    def is_billed(self) -> bool:
        """Return False of usage that is only read by formulas, by none, or came too late."""
        of_plan = self.name in self.entry.unbilled
        own = not self.entry.formulas and self.name in self.entry.usage
        return is_computed(self.entry) and bool(self.formula or self.line or of_plan or own)

    @property
    def quantity(self) -> str:
        """Whole units to bill; empty where nothing could be computed."""
        if self.line:
            return self.line.quantity
        return "0" if is_computed(self.entry) else ""

    @property
    def amount(self) -> str:
        """The exact usage that the quantity is rounded from; empty where that is not known."""
        if not is_computed(self.entry):
            return ""
        nothing = "0" if self.is_billed and not self.line else ""  # what is zero is not kept
        return self.entry.amounts.get(self.name, nothing)

    @property
    def carried(self) -> str:
        """What rounding left of other months."""
        return (self.line.carried if self.line else "") or "0"

    @property
    def due(self) -> Fraction:
        """What is rounded, where there is an amount."""
        return Fraction(self.amount) + Fraction(self.carried)

    @property
    def remainder(self) -> str:
        """What rounding leaves to other months; empty without an amount."""
        if not self.amount:
            return ""
        return exact_text(self.due - Fraction(self.line.taken if self.line else self.quantity))

    @property
    def state(self) -> str:
        """What became of it, in the words of the report."""
        line = self.line
        if line is None and self.entry.failure:
            return self.entry.failure.code
        if line is None:
            unread = "no formula reads it" if self.entry.formulas else "came after the bill"
            return "nothing to bill" if self.is_billed else unread
        state = OUTCOME_OF.get(line.state, line.state)
        return f"{state}, {RECEIVER} bills {line.billed}" if line.billed else state
