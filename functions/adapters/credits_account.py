"""Which partner receives credits. Apart from `wiring`: only who needs a partner imports it."""

import os
from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.adapters import clock, credits_bucket, wiring
from functions.adapters.cloudzero.api import ApiKey, CloudZero
from functions.adapters.receivers import CreditsReceiver
from functions.adapters.streams import Stream
from functions.errors import CredentialsRefused


def _api_key(fresh: bool) -> str:  # noqa: FBT001  # called with one positional flag
    key = wiring.read_secret("CloudZero", ApiKey, '{"api_key": "…"}', fresh).api_key
    if not key.isascii() or not key.isprintable() or len(key.split()) != 1:
        raise CredentialsRefused("the CloudZero API key must be one word, without Bearer before it")
    return key


@cache
def credits_receiver() -> CreditsReceiver:
    """Return the account that receives credits."""
    return CloudZero(os.environ["CLOUDZERO_URL"], _api_key)


def stream(connection_id: str, execution: str, context: LambdaContext) -> Stream:
    """Return an AnyCost Stream as this execution may use it."""
    account, time, settle = credits_receiver(), clock.of(context), wiring.settle_seconds()
    lease = credits_bucket.lease(wiring.credits_bucket(), connection_id)
    return Stream(lease, account, connection_id, execution, time, settle)
