"""What one execution writes for itself under `runs/` (or `previews/`) between its states."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from functions.domain.billing import MonthBill
from functions.domain.problem import Problem
from functions.domain.usage import Group


class Partial(msgspec.Struct, frozen=True, kw_only=True):
    """What one partition comes to, or why it does not.

    Decimals are written as text, because JSON readers make floats of numbers. `twins`: how many
    files repeat another one of their hour and count as well; `twin`: the first.
    """

    files: int
    records: int
    duplicates: int
    dropped: dict[str, Decimal]
    problems: list[Problem]
    sums: list[tuple[Group, Decimal]]
    twins: int = 0
    twin: str = ""


class ContractItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item of the contract map.

    `quantities`: what is to be sent. `amounts`: the exact usage of this month that they are rounded
    from, `carried`: what was added to it. `usage`: before any formula. `retry`: its recorded error
    is to be tried again. `done`: the state file lists it as a success as well.
    `failure`: why it has no quantities. `without_usage`: only the ledger or the state file knows of
    it, the month's files do not.
    """

    contract_id: str
    quantities: dict[str, str]
    amounts: dict[str, str] = {}
    carried: dict[str, str] = {}
    usage: dict[str, str] = {}
    retry: bool = False
    done: bool = False
    failure: str | None = None
    without_usage: bool = False


class MonthUsage(msgspec.Struct, frozen=True, kw_only=True):
    """A month's bill with where it comes from; kept with the run for reports and audits.

    `lists`: keys of the lists of files that were read; `digest` stands for all of them.
    """

    files: int
    records: int
    duplicates: int
    dropped: dict[str, str]
    warnings: list[str]
    processed: list[str]
    lists: list[str]
    digest: str
    bill: MonthBill
