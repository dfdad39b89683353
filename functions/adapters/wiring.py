"""What deployment gives the functions: names in the environment, and plans in SSM."""

from __future__ import annotations

import os
from decimal import Decimal

from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from functions.adapters.books import Books
from functions.adapters.storage import Bucket
from functions.domain.credits.drop import Limits
from functions.domain.mails import Place
from functions.domain.plan import Plan, parse_plans
from functions.errors import BadInput, StorageBusy


def state_bucket() -> Bucket:
    """Return the bucket that holds all state."""
    return Bucket(os.environ["STATE_BUCKET"])


def books(plan: Plan, *, held_by: str = "") -> Books:
    """Return a plan's books; LeaseLost if an execution is named that does not hold the plan."""
    found = Books(state_bucket(), plan)
    if held_by:
        found.check_lease(held_by)
    return found


def usage_bucket() -> Bucket:
    """Return the bucket that Omnistrate exports to."""
    return Bucket(os.environ["USAGE_BUCKET"])


def credits_bucket() -> Bucket:
    """Return the bucket that credits files are dropped into, with the state of their posting."""
    return Bucket(os.environ["CREDITS_BUCKET"])


def place() -> Place:
    """Return where this runs, for the mails."""
    return Place(
        environment=os.environ["ENVIRONMENT"],
        region=os.environ["AWS_REGION"],
        bucket=os.environ.get("STATE_BUCKET") or os.environ["CREDITS_BUCKET"],
        runbook=os.environ["RUNBOOK_URL"],
        mails_closed=os.environ["MAILS_CLOSED"] == "true",
    )


def settle_seconds() -> float:
    """Return after how long a request that has left must have arrived, or never will."""
    return float(os.environ["SETTLE_SECONDS"])


def plans() -> dict[str, Plan]:
    """Return the configured plans by key."""
    path = os.environ["PLANS_PATH"]
    try:
        found = parameters.get_parameters(path, recursive=True, force_fetch=True)
    except GetParameterError as error:
        raise StorageBusy(f"{path}: {error}") from error
    if not found:
        raise BadInput(f"no plan is configured under {path}")
    configured = parse_plans(f"[{','.join(str(value) for value in found.values())}]")
    return {plan.key: plan for plan in configured}


def connection() -> str:
    """Return the id of the AnyCost Stream connection."""
    return os.environ["CLOUDZERO_CONNECTION_ID"]


def allow_reversals() -> bool:
    """Return True if a credits file may hold negative amounts."""
    return os.environ["ALLOW_REVERSALS"] == "true"


def limits() -> Limits:
    """Return between which shares of a month's stored rows and total an upload is not held."""
    return Limits(Decimal(os.environ["SHRINK_LIMIT"]), Decimal(os.environ["GROWTH_LIMIT"]))
