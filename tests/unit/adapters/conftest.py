"""A bucket called `a-bucket`: as moto answers, and as a test says that S3 answers."""

from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from mypy_boto3_s3 import S3Client


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    client = boto3.client(
        "s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="s"
    )
    monkeypatch.setattr("functions.adapters.storage._client", lambda: client)
    with Stubber(client) as stubber:
        yield stubber


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        monkeypatch.setattr("functions.adapters.storage._client", lambda: client)
        client.create_bucket(Bucket="a-bucket")
        yield client
