"""The partners' keys, which deployment keeps in Secrets Manager."""

from __future__ import annotations

import os
from typing import TypeVar

import msgspec
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from functions.errors import CredentialsRefused, StorageBusy

T = TypeVar("T")
# Secrets Manager will say the same again until an operator has changed something.
_UNTIL_CHANGED = {
    "AccessDeniedException",
    "DecryptionFailure",
    "InvalidParameterException",
    "InvalidRequestException",
    "ResourceNotFoundException",
}


def read_secret(partner: str, kind: type[T], example: str, fresh: bool) -> T:  # noqa: FBT001  # partial
    """Return what a partner's secret holds; CredentialsRefused if it holds anything else."""
    try:
        arn = os.environ[f"{partner.upper()}_SECRET_ARN"]
        return msgspec.json.decode(parameters.get_secret(arn, force_fetch=fresh), type=kind)
    except GetParameterError as error:
        said = error.__context__
        if isinstance(said, ClientError) and said.response["Error"]["Code"] in _UNTIL_CHANGED:
            raise CredentialsRefused(f"the {partner} secret cannot be read: {error}") from error
        raise StorageBusy(f"the {partner} secret cannot be read now: {error}") from error
    except msgspec.DecodeError:
        # The decoder's message may quote the secret, so it goes no further.
        raise CredentialsRefused(f"the {partner} secret must be JSON: {example}") from None
