"""An upload as S3 holds it now: its content, version, moment and what its uploader says of it."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.response import StreamingBody
from botocore.stub import Stubber
from mypy_boto3_s3 import S3Client

from functions.adapters.objects import Stored
from functions.adapters.storage import Bucket
from functions.errors import StorageBusy

NAME, KEY = "a-bucket", "credits-2025-01.csv"


@pytest.fixture
def versioned(s3: S3Client) -> S3Client:
    s3.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Enabled"})
    return s3


def newest(most_bytes: int = 1_000) -> Stored:
    found = Bucket(NAME).read(KEY, most_bytes=most_bytes)
    assert found
    return found


def test_an_upload_comes_with_its_version_moment_and_metadata(versioned: S3Client) -> None:
    put = versioned.put_object(
        Bucket=NAME, Key=KEY, Body=b"rows", Metadata={"Row-Count": "1", "total-usd": "5.00"}
    )
    found = newest()
    assert (found.body, found.size, found.version) == (b"rows", 4, put["VersionId"])
    assert dict(found.metadata) == {"row-count": "1", "total-usd": "5.00"}
    assert found.at.tzinfo is not None
    assert abs(datetime.now(UTC) - found.at) < timedelta(minutes=1)


def test_an_upload_without_metadata_says_nothing_of_itself(versioned: S3Client) -> None:
    versioned.put_object(Bucket=NAME, Key=KEY, Body=b"")
    assert (newest().body, newest().size, dict(newest().metadata)) == (b"", 0, {})


def test_the_newest_version_counts_also_when_it_has_the_same_content(versioned: S3Client) -> None:
    put = [versioned.put_object(Bucket=NAME, Key=KEY, Body=b"same")["VersionId"] for _ in range(3)]
    assert len(set(put)) == 3
    assert newest().version == put[-1]


def test_a_version_that_is_taken_back_brings_the_one_before(versioned: S3Client) -> None:
    first = versioned.put_object(Bucket=NAME, Key=KEY, Body=b"first")["VersionId"]
    second = versioned.put_object(Bucket=NAME, Key=KEY, Body=b"second")["VersionId"]
    versioned.delete_object(Bucket=NAME, Key=KEY, VersionId=second)
    assert (newest().body, newest().version) == (b"first", first)


@pytest.mark.parametrize(("most", "body"), [(3, b""), (4, b"rows"), (0, b"")])
def test_an_upload_that_is_too_large_is_known_but_not_read(
    versioned: S3Client, most: int, body: bytes
) -> None:
    put = versioned.put_object(Bucket=NAME, Key=KEY, Body=b"rows")
    found = newest(most)
    assert (found.body, found.size, found.version) == (body, 4, put["VersionId"])


def test_without_versions_the_content_tells_uploads_apart(s3: S3Client) -> None:
    versions = set()
    for body in (b"one", b"two", b"two"):
        s3.put_object(Bucket=NAME, Key=KEY, Body=body)
        versions.add(newest().version)
    assert len(versions) == 2


def test_what_is_not_there_or_was_deleted_is_none(versioned: S3Client) -> None:
    assert Bucket(NAME).read(KEY, most_bytes=10) is None
    for key in (f"folder/{KEY}", KEY):
        versioned.put_object(Bucket=NAME, Key=key, Body=b"rows")
        versioned.delete_object(Bucket=NAME, Key=KEY)
        assert Bucket(NAME).read(KEY, most_bytes=10) is None


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_no_missing_upload() -> None:
    with pytest.raises(PermissionError, match="s3://another-bucket/credits-2025-01"):
        Bucket("another-bucket").read(KEY, most_bytes=10)


def test_an_upload_that_breaks_off_is_not_taken_for_the_whole(stubbed: Stubber) -> None:
    answer: dict[str, Any] = {"Body": StreamingBody(BytesIO(b"ro"), 4), "ContentLength": 4}
    answer |= {"ETag": '"e"', "VersionId": "v", "LastModified": datetime.now(UTC), "Metadata": {}}
    stubbed.add_response("get_object", answer)
    with pytest.raises(StorageBusy):
        Bucket(NAME).read(KEY, most_bytes=10)


def test_a_storage_that_cannot_be_reached_is_asked_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="a",
        aws_secret_access_key="s",
        config=Config(retries={"total_max_attempts": 1}),
    )
    monkeypatch.setattr("functions.adapters.storage._client", lambda: client)
    with pytest.raises(StorageBusy, match=f"s3://{NAME}/{KEY}"):
        Bucket(NAME).read(KEY, most_bytes=10)
