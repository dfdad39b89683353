"""What deployment gives the functions: names in the environment, plans in SSM, one secret."""

from __future__ import annotations

import os
from functools import cache

import msgspec
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from functions.adapters.clazar import Clazar, Credentials
from functions.adapters.storage import Bucket
from functions.domain.plan import Plan, parse_plans
from functions.errors import BadInput, CredentialsRefused, StorageBusy


def state_bucket() -> Bucket:
    """Return the bucket that holds all state."""
    return Bucket(os.environ["STATE_BUCKET"])


def usage_bucket() -> Bucket:
    """Return the bucket that Omnistrate exports to."""
    return Bucket(os.environ["USAGE_BUCKET"])


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


def _credentials(fresh: bool) -> Credentials:  # noqa: FBT001  # called with one positional flag
    try:
        text = parameters.get_secret(os.environ["CLAZAR_SECRET_ARN"], force_fetch=fresh)
        return msgspec.json.decode(text, type=Credentials)
    except GetParameterError as error:
        raise CredentialsRefused(f"the Clazar secret cannot be read: {error}") from error
    except msgspec.DecodeError:
        # The decoder's message may quote the secret, so it goes no further.
        message = 'the Clazar secret must be JSON: {"client_id": "…", "client_secret": "…"}'
        raise CredentialsRefused(message) from None


@cache
def clazar() -> Clazar:
    """Return the Clazar account; one per container, so that the token is kept."""
    return Clazar(os.environ["CLAZAR_URL"], _credentials)
