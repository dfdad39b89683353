"""What deployment gives the functions: names in the environment, plans in SSM, secrets."""

import os
from decimal import Decimal
from typing import TypeVar

import msgspec
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from functions.adapters.books import Books
from functions.adapters.storage import Bucket
from functions.domain.credits.drop import Limits
from functions.domain.mails import Place
from functions.domain.plan import Plan, parse_plans
from functions.errors import BadInput, CredentialsRefused, StorageBusy

T = TypeVar("T", bound=msgspec.Struct)
# Secrets Manager will say the same again until an operator has changed something.
_UNTIL_CHANGED = {
    "AccessDeniedException",
    "DecryptionFailure",
    "InvalidParameterException",
    "InvalidRequestException",
    "ResourceNotFoundException",
}


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
        if _code(error) == "AccessDeniedException":
            needs = "the role of AcquirePlan needs ssm:GetParametersByPath on it"
            raise PermissionError(f"parameters under {path}: {needs}: {error}") from error
        raise StorageBusy(f"parameters under {path}: {error}") from error
    if not found:
        raise BadInput(f"no plan is configured under {path}")
    configured = parse_plans(f"[{','.join(str(value) for value in found.values())}]")
    return {plan.key: plan for plan in configured}


def _code(error: GetParameterError) -> str:
    """Return the code of AWS behind it; empty where AWS has not answered."""
    said = error.__context__
    return said.response["Error"]["Code"] if isinstance(said, ClientError) else ""


def connection() -> str:
    """Return the id of the AnyCost Stream connection."""
    return os.environ["CLOUDZERO_CONNECTION_ID"]


def allow_reversals() -> bool:
    """Return True if a credits file may hold negative amounts."""
    return os.environ["ALLOW_REVERSALS"] == "true"


def limits() -> Limits:
    """Return between which shares of a month's stored rows and total an upload is not held."""
    return Limits(Decimal(os.environ["SHRINK_LIMIT"]), Decimal(os.environ["GROWTH_LIMIT"]))


def read_secret(partner: str, kind: type[T], example: str, fresh: bool) -> T:  # noqa: FBT001  # partial
    """Return what a partner's secret holds, without blanks and line ends around its values.

    CredentialsRefused if it holds anything else.
    """
    try:
        arn = os.environ[f"{partner.upper()}_SECRET_ARN"]
        found = msgspec.json.decode(parameters.get_secret(arn, force_fetch=fresh), type=kind)
        return msgspec.structs.replace(
            found, **{name: value.strip() for name, value in msgspec.structs.asdict(found).items()}
        )
    except GetParameterError as error:
        if _code(error) in _UNTIL_CHANGED:
            raise CredentialsRefused(f"the {partner} secret cannot be read: {error}") from error
        raise StorageBusy(f"the {partner} secret cannot be read now: {error}") from error
    except msgspec.DecodeError:
        # The decoder's message may quote the secret, so it goes no further.
        raise CredentialsRefused(f"the {partner} secret must be JSON: {example}") from None
