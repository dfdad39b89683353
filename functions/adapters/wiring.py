"""What deployment gives the functions: names in the environment, plans in SSM, secrets."""

from __future__ import annotations

import os
from decimal import Decimal
from functools import cache, partial
from typing import TypeVar

import msgspec
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from functions.adapters import clock
from functions.adapters.books import Books
from functions.adapters.clazar.api import Clazar
from functions.adapters.clazar.http import Credentials, Session
from functions.adapters.cloudzero.api import ApiKey, CloudZero
from functions.adapters.cloudzero.streams import Clock, Stream
from functions.adapters.receivers import CreditsReceiver, UsageReceiver
from functions.adapters.storage import Bucket
from functions.domain.credits.drop import Limits
from functions.domain.mails import Place
from functions.domain.plan import Plan, parse_plans
from functions.errors import BadInput, CredentialsRefused, StorageBusy

T = TypeVar("T")
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
        if _code(error.__context__) == "AccessDeniedException":
            needs = "the role of AcquirePlan needs ssm:GetParametersByPath on it"
            raise PermissionError(f"parameters under {path}: {needs}: {error}") from error
        raise StorageBusy(f"parameters under {path}: {error}") from error
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


def _code(error: BaseException | None) -> str:
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""


def _secret(partner: str, kind: type[T], example: str, fresh: bool) -> T:  # noqa: FBT001  # partial
    try:
        arn = os.environ[f"{partner.upper()}_SECRET_ARN"]
        return msgspec.json.decode(parameters.get_secret(arn, force_fetch=fresh), type=kind)
    except GetParameterError as error:
        if _code(error.__context__) in _UNTIL_CHANGED:
            raise CredentialsRefused(f"the {partner} secret cannot be read: {error}") from error
        raise StorageBusy(f"the {partner} secret cannot be read now: {error}") from error
    except msgspec.DecodeError:
        # The decoder's message may quote the secret, so it goes no further.
        raise CredentialsRefused(f"the {partner} secret must be JSON: {example}") from None


def _api_key(fresh: bool) -> str:  # noqa: FBT001  # called with one positional flag
    key = _secret("CloudZero", ApiKey, '{"api_key": "…"}', fresh).api_key
    if not key.isascii() or not key.isprintable() or len(key.split()) != 1:
        raise CredentialsRefused("the CloudZero API key must be one word, without Bearer before it")
    return key.strip()


@cache
def credits_receiver() -> CreditsReceiver:
    """Return the account that receives credits."""
    return CloudZero(os.environ["CLOUDZERO_URL"], _api_key)


def stream(connection_id: str, execution: str, context: LambdaContext) -> Stream:
    """Return an AnyCost Stream as this execution may use it."""
    times = Clock(
        clock.now, lambda: context.get_remaining_time_in_millis() / 1000, settle_seconds()
    )
    return Stream(credits_bucket(), credits_receiver(), connection_id, execution, times)


@cache
def usage_receiver() -> UsageReceiver:
    """Return the account that bills usage; one per container, so that its token is kept."""
    example = '{"client_id": "…", "client_secret": "…"}'
    credentials = partial(_secret, "Clazar", Credentials, example)
    return Clazar(Session(os.environ["CLAZAR_URL"], credentials))
