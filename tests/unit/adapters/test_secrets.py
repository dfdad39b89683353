"""A secret that cannot be read now is not a key that was refused, nor are plans that may not be."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parameters import SecretsProvider, SSMProvider
from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from functions.adapters import credits_account, credits_bucket, usage_account, wiring
from functions.adapters.clazar.http import Credentials
from functions.adapters.clock import Clock
from functions.adapters.streams import Stream
from functions.domain.lease import Lease
from functions.domain.ledger.submission import Request
from functions.domain.month import Month, format_instant
from functions.errors import CredentialsRefused, StorageBusy
from tests.memory import MemoryObjects

NOBODY_LISTENS = "http://127.0.0.1:9"
BODY = b"{}"


class Failing:
    """Secrets Manager or Parameter Store, answering every call with the same failure."""

    def __init__(self, failure: Exception) -> None:
        self._failure = failure

    def get_secret_value(self, **_: Any) -> Any:
        raise self._failure

    def get_paginator(self, _: str) -> Any:
        raise self._failure


def answered(code: str, status: int = 400) -> ClientError:
    said = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, "GetSecretValue")  # type: ignore[arg-type]


BUSY = [
    *(answered("ThrottlingException"), answered("InternalServiceError", 500)),
    answered("ServiceUnavailable", 503),
    *(error(endpoint_url="secretsmanager") for error in (ReadTimeoutError, ConnectTimeoutError)),
]
FINAL = [
    *(answered("AccessDeniedException"), answered("ResourceNotFoundException")),
    *(answered("InvalidRequestException"), answered("DecryptionFailure")),
]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    """Let every read of a secret fail in this way."""
    for partner in ("CLOUDZERO", "CLAZAR"):
        monkeypatch.setenv(f"{partner}_URL", NOBODY_LISTENS)
        monkeypatch.setenv(f"{partner}_SECRET_ARN", "arn")
    credits_account.credits_receiver.cache_clear()
    usage_account.usage_receiver.cache_clear()

    def fail(failure: Exception) -> None:
        provider = SecretsProvider(boto3_client=Failing(failure))  # type: ignore[arg-type]
        monkeypatch.setitem(DEFAULT_PROVIDERS, "secrets", provider)

    return fail


@pytest.mark.parametrize(
    ("failure", "error", "said"),
    [
        *((failure, StorageBusy, "now") for failure in BUSY),
        *((failure, CredentialsRefused, ": ") for failure in FINAL),
    ],
    ids=str,
)
def test_a_secret_is_asked_for_again_unless_it_may_not_be_read_or_is_not_there(
    failing: Callable[[Exception], None], failure: Exception, error: type[Exception], said: str
) -> None:
    failing(failure)
    with pytest.raises(error, match=f"the CloudZero secret cannot be read ?{said}"):
        credits_account.credits_receiver().post("c-1", BODY)


def test_blanks_and_line_ends_around_what_a_secret_holds_are_no_part_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Kept:
        def get_secret_value(self, **_: Any) -> Any:
            return {"SecretString": '{"client_id": " id\\n", "client_secret": "secret\\r\\n"}'}

    monkeypatch.setenv("CLAZAR_SECRET_ARN", "arn")
    provider = SecretsProvider(boto3_client=Kept())  # type: ignore[arg-type]
    monkeypatch.setitem(DEFAULT_PROVIDERS, "secrets", provider)
    found = wiring.read_secret("Clazar", Credentials, "{}", fresh=True)
    assert found == Credentials("id", "secret")


@pytest.mark.parametrize(
    ("failure", "error", "said"),
    [
        (answered("AccessDeniedException"), PermissionError, "needs ssm:GetParametersByPath"),
        (answered("ThrottlingException"), StorageBusy, "ThrottlingException"),
    ],
)
def test_plans_that_may_not_be_read_need_an_operator_and_others_a_retry(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, error: type[Exception], said: str
) -> None:
    provider = SSMProvider(boto3_client=Failing(failure))  # type: ignore[arg-type]
    monkeypatch.setitem(DEFAULT_PROVIDERS, "ssm", provider)
    monkeypatch.setenv("PLANS_PATH", "/prod/metering/plans")
    with pytest.raises(error, match=f"parameters under /prod/metering/plans: .*{said}"):
        wiring.plans()


def test_records_whose_token_could_not_be_had_are_not_in_doubt(
    failing: Callable[[Exception], None],
) -> None:
    failing(BUSY[0])
    record = {"dimension": "units", "contract_id": "c-1"}
    reply = usage_account.usage_receiver().submit(Request("{}", [record]))
    assert reply.outcome == "unreachable"
    assert {answer.kind for answer in reply.answers.values()} == {"not_taken"}
    assert "the Clazar secret cannot be read now" in reply.response


def test_a_stream_is_free_again_after_a_secret_that_could_not_be_read(
    failing: Callable[[Exception], None],
) -> None:
    failing(BUSY[0])
    now = datetime(2025, 2, 3, tzinfo=UTC)
    objects = MemoryObjects()
    lease = credits_bucket.lease(objects, "c-1")
    lease.write(Lease(execution="x-1", at=format_instant(now)), None)
    clock = Clock(lambda: now, lambda: 110.0)
    stream = Stream(lease, credits_account.credits_receiver(), "c-1", "x-1", clock, 120.0)
    for _ in range(2):
        with pytest.raises(StorageBusy):
            stream.post(Month(2025, 1), BODY, lambda: True)
    held = lease.read()
    assert held
    assert held.value.request is None
