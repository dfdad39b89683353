"""What a run is asked for, and its terms once they are settled."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from functions.domain.conversion import NOT_BLANK
from functions.domain.months.months_due import MOST_MONTHS
from functions.domain.plan import Plan

_Name = Annotated[str, Meta(pattern=NOT_BLANK)]
_Reason = Annotated[str, Meta(max_length=500)]

MOST_CONTRACTS = 100  # in one input
LAST_MONTH = "last"  # what a schedule can say for the month before its own


class Resolve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An operator's decision about a parked contract."""

    contract: _Name
    month: str
    outcome: Literal["accepted", "not_accepted", "waived"]
    reason: Annotated[_Reason, Meta(pattern=NOT_BLANK)]


class ExecutionInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator or the schedule passes to an execution."""

    plan: str | None = None
    months: Annotated[list[str], Meta(min_length=1, max_length=MOST_MONTHS)] | None = None
    contracts: Annotated[list[_Name], Meta(min_length=1, max_length=MOST_CONTRACTS)] | None = None
    retry_errors: bool = False
    dry_run: bool | None = None
    max_months: Annotated[int, Meta(ge=1, le=MOST_MONTHS)] | None = None
    as_of: str | None = None
    until: str | None = None
    resolve: Resolve | None = None
    approve: _Name | None = None
    reconcile: _Name | None = None
    reason: _Reason | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One execution's settled terms: the plan's configuration as it was when the run began.

    `until`: where the window of cancelled contracts ends. `approve`: a held month to bill as it is.
    `reconcile`: the closed month whose records are compared; nothing is sent. `reason`: why an
    operator started it, `started`: when. `plans`: all that are configured.
    """

    plan: Plan
    execution: str
    name: str
    as_of: str
    months: list[str] | None
    contracts: list[str] | None
    retry_errors: bool
    dry_run: bool
    max_months: int
    until: str | None = None
    resolve: Resolve | None = None
    approve: str | None = None
    reconcile: str | None = None
    reason: str = ""
    started: str = ""
    plans: list[str] = []
