import datetime as dt
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import obstore
import pytest
from botocore.exceptions import ClientError
from obstore.store import S3Store

from infra.local.aws.bucket_policy import Refusal, refusals
from infra.local.aws.services import LoopbackAws
from infra.local.aws.state_folder import StateFolder
from tests.unit.local.tiny_app import client, template_of

BUCKET = "state-bucket"


@pytest.fixture(params=[False, True], ids=["plain", "versioned"])
def aws(request: pytest.FixtureRequest, state: StateFolder) -> Iterator[LoopbackAws]:
    state.write("seed.json", b"seed")
    found = LoopbackAws("us-east-1")
    found.bucket(BUCKET, versioned=request.param)
    found.objects.attach_state(BUCKET, state)
    yield found
    found.close()


@pytest.fixture
def s3(aws: LoopbackAws) -> Any:
    return client(aws, "s3")


def status(error: pytest.ExceptionInfo[ClientError]) -> int:
    return int(error.value.response["ResponseMetadata"]["HTTPStatusCode"])


def test_what_is_in_the_folder_is_in_the_bucket_byte_for_byte(s3: Any) -> None:
    assert s3.get_object(Bucket=BUCKET, Key="seed.json")["Body"].read() == b"seed"


def test_every_kind_of_change_is_in_the_folder_before_the_answer(
    s3: Any, state: StateFolder
) -> None:
    def files() -> dict[str, bytes]:
        return {key: path.read_bytes() for key, path in state.objects()}

    s3.put_object(Bucket=BUCKET, Key="a/b.json", Body=b"1")
    assert files() == {"seed.json": b"seed", "a/b.json": b"1"}
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "a/b.json"})
    assert files()["copy"] == b"1"
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=BUCKET, Key="parts", UploadId=upload, PartNumber=1, Body=b"xyz")
    assert "parts" not in files()
    s3.complete_multipart_upload(
        Bucket=BUCKET,
        Key="parts",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    assert files()["parts"] == b"xyz"
    s3.delete_object(Bucket=BUCKET, Key="seed.json")
    s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "copy"}, {"Key": "parts"}]})
    assert files() == {"a/b.json": b"1"}


def test_a_conditional_write_holds_its_condition(s3: Any) -> None:
    first = s3.put_object(Bucket=BUCKET, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError) as exists:
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"2", IfNoneMatch="*")
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"3", IfMatch=first)
    with pytest.raises(ClientError) as changed:
        s3.put_object(Bucket=BUCKET, Key="k", Body=b"4", IfMatch=first)
    with pytest.raises(ClientError) as missing:
        s3.put_object(Bucket=BUCKET, Key="none", Body=b"5", IfMatch=first)
    with pytest.raises(ClientError) as read:
        s3.get_object(Bucket=BUCKET, Key="k", IfMatch=first)
    assert [status(error) for error in (exists, changed, missing, read)] == [412, 412, 404, 412]
    s3.delete_object(Bucket=BUCKET, Key="k")
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"6", IfNoneMatch="*")


def test_of_many_writers_with_the_same_condition_one_wins(s3: Any) -> None:
    etag, writers = s3.put_object(Bucket=BUCKET, Key="k", Body=b"before")["ETag"], 24
    together = threading.Barrier(writers)

    def write(body: str) -> bool:
        together.wait(10)
        try:
            s3.put_object(Bucket=BUCKET, Key="k", Body=body.encode(), IfMatch=etag)
        except ClientError:
            return False
        return True

    for attempt in range(3):
        with ThreadPoolExecutor(writers) as threads:
            bodies = [f"{attempt} {number}" for number in range(writers)]
            assert sum(threads.map(write, bodies)) == 1
        etag = s3.head_object(Bucket=BUCKET, Key="k")["ETag"]


def test_a_listing_pages_through_a_prefix_from_a_key(s3: Any) -> None:
    for number in range(7):
        s3.put_object(Bucket=BUCKET, Key=f"p/{number}", Body=b"x")
    first = s3.list_objects_v2(Bucket=BUCKET, Prefix="p/", StartAfter="p/1", MaxKeys=3)
    assert [line["Key"] for line in first["Contents"]] == ["p/2", "p/3", "p/4"]
    rest = s3.list_objects_v2(
        Bucket=BUCKET, Prefix="p/", MaxKeys=3, ContinuationToken=first["NextContinuationToken"]
    )
    assert [line["Key"] for line in rest["Contents"]] == ["p/5", "p/6"]


def test_a_listing_by_folder_names_each_folder_once_across_its_pages(s3: Any) -> None:
    for key in ("p/1", "p/a b/1", "p/a b/2", "p/ä&/1", "q/1"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"xy")
    s3.put_object(Bucket=BUCKET, Key="p/gone", Body=b"")
    s3.delete_object(Bucket=BUCKET, Key="p/gone")
    asked = {"Bucket": BUCKET, "Prefix": "p/", "Delimiter": "/", "MaxKeys": 2}
    first = s3.list_objects_v2(**asked)
    rest = s3.list_objects_v2(**asked, ContinuationToken=first["NextContinuationToken"])
    assert [(line["Key"], line["Size"]) for line in first["Contents"]] == [("p/1", 2)]
    assert [line["Prefix"] for line in first["CommonPrefixes"]] == ["p/a b/"]
    assert [line["Prefix"] for line in rest["CommonPrefixes"]] == ["p/ä&/"]
    assert (first["IsTruncated"], rest["IsTruncated"], "Contents" in rest) == (True, False, False)
    assert first["Contents"][0]["ETag"] == s3.head_object(Bucket=BUCKET, Key="p/1")["ETag"]


def test_a_key_outside_the_folder_is_refused_and_not_stored(s3: Any, state: StateFolder) -> None:
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=BUCKET, Key="a/../../b", Body=b"x")
    assert status(error) == 400
    assert [key for key, _ in state.objects()] == ["seed.json"]


def test_metadata_and_content_type_come_back(s3: Any) -> None:
    s3.put_object(
        Bucket=BUCKET, Key="k", Body=b"{}", ContentType="application/json", Metadata={"run": "7"}
    )
    found = s3.get_object(Bucket=BUCKET, Key="k")
    assert (found["ContentType"], found["Metadata"]) == ("application/json", {"run": "7"})
    assert s3.get_object(Bucket=BUCKET, Key="k", Range="bytes=1-1")["Body"].read() == b"}"


def test_the_usage_bucket_cannot_be_written(aws: LoopbackAws, s3: Any, tmp_path: Path) -> None:
    (tmp_path / "usage/2025").mkdir(parents=True)
    (tmp_path / "usage/2025/a.json").write_bytes(b"[]")
    aws.bucket("usage")
    aws.objects.attach_usage("usage", tmp_path / "usage")
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="usage", Key="2025/a.json", Body=b"")
    assert status(error) == 403
    assert s3.get_object(Bucket="usage", Key="2025/a.json")["Body"].read() == b"[]"


def test_an_object_of_the_folder_was_last_modified_when_its_file_was(
    aws: LoopbackAws, s3: Any, state: StateFolder
) -> None:
    moment = dt.datetime(2025, 7, 25, 20, 15, 37, tzinfo=dt.UTC)
    os.utime(state.path / "seed.json", (moment.timestamp(), moment.timestamp()))
    aws.objects.attach_state(BUCKET, state)
    asked = {"Bucket": BUCKET, "Key": "seed.json"}
    (listed,) = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    found = [s3.get_object(**asked), s3.head_object(**asked), listed]
    assert [one["LastModified"] for one in found] == [moment] * 3


def test_every_upload_is_a_version_of_its_own_and_the_newest_is_what_a_get_returns(
    aws: LoopbackAws, s3: Any
) -> None:
    aws.bucket("versions", versioned=True)
    asked = {"Bucket": "versions", "Key": "k"}
    written = [s3.put_object(**asked, Body=b"1")["VersionId"] for _ in range(20)]
    written.append(s3.put_object(**asked, Body=b"2", Metadata={"run": "7"})["VersionId"])
    outside = aws.objects.upload("versions", "k", b"3")
    assert len({*written, outside.version_id}) == 22
    newest = s3.get_object(**asked)
    assert (newest["VersionId"], newest["Body"].read()) == (outside.version_id, b"3")
    assert s3.head_object(**asked)["VersionId"] == outside.version_id
    before = s3.get_object(**asked, VersionId=written[-1])
    assert (before["VersionId"], before["Body"].read()) == (written[-1], b"2")
    assert before["Metadata"] == {"run": "7"}


def test_a_version_keeps_its_id_moment_and_metadata_when_the_folder_is_read_again(
    aws: LoopbackAws, s3: Any, state: StateFolder
) -> None:
    asked = {"Bucket": BUCKET, "Key": "k"}

    def seen() -> list[Any]:
        found = s3.get_object(**asked)
        return [found.get("VersionId"), found["LastModified"], found["ETag"]]

    first = s3.put_object(**asked, Body=b"1").get("VersionId")
    s3.put_object(**asked, Body=b"2", Metadata={"run": "7"})
    before = seen()
    aws.objects.attach_state(BUCKET, state)
    assert seen() == before
    if first:
        assert s3.get_object(**asked)["Metadata"] == {"run": "7"}
        assert s3.get_object(**asked, VersionId=first)["Body"].read() == b"1"
    # Another process knows the folder only.
    other = StateFolder(state.path)
    again = LoopbackAws("us-east-1")
    again.bucket(BUCKET, versioned=bool(first))
    again.objects.attach_state(BUCKET, other)
    s3 = client(again, "s3")
    assert seen() == before
    again.close()
    other.close()


def test_an_edited_file_is_a_new_version_after_those_before(
    aws: LoopbackAws, s3: Any, state: StateFolder
) -> None:
    asked = {"Bucket": BUCKET, "Key": "seed.json"}
    before = s3.get_object(**asked).get("VersionId")
    (state.path / "seed.json").write_bytes(b"edited")
    aws.objects.attach_state(BUCKET, state)
    edited = s3.get_object(**asked)
    assert edited["Body"].read() == b"edited"
    if before:
        assert edited["VersionId"] != before
        assert s3.get_object(**asked, VersionId=before)["Body"].read() == b"seed"


def test_an_upload_from_outside_is_in_the_folder_at_its_moment(
    aws: LoopbackAws, s3: Any, state: StateFolder
) -> None:
    aws.objects.upload(BUCKET, "credits.csv", b"1", 1_753_474_537_123_456_789)
    path = state.path / "credits.csv"
    assert path.read_bytes() == b"1"
    assert path.stat().st_mtime_ns == 1_753_474_537_123_456_789
    moment = dt.datetime(2025, 7, 25, 20, 15, 37, tzinfo=dt.UTC)
    assert s3.get_object(Bucket=BUCKET, Key="credits.csv")["LastModified"] == moment


def test_the_rust_client_of_the_usage_reader_lists_and_reads(aws: LoopbackAws) -> None:
    store = S3Store(
        BUCKET,
        endpoint=aws.url,
        region="us-east-1",
        access_key_id="local",
        secret_access_key="local",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    obstore.put(store, "r/1.json", b"1")
    assert [line["path"] for page in store.list("r/") for line in page] == ["r/1.json"]
    found = store.get("r/1.json")
    assert bytes(found.bytes()) == b"1"
    assert bytes(store.get_range("seed.json", start=1, end=3)) == b"ee"


def guard(aws: LoopbackAws) -> None:
    resource = f"arn:aws:s3:::{BUCKET}/ledger/*"
    aws.objects.refuse([Refusal(BUCKET, resource, ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"))])


def test_a_write_that_the_policy_wants_conditional_is_denied_without_a_condition(
    aws: LoopbackAws, s3: Any
) -> None:
    guard(aws)
    source = {"Bucket": BUCKET, "Key": "seed.json"}
    for write, given in (
        (s3.put_object, {"Body": b"1"}),
        (s3.copy_object, {"CopySource": source}),
        (s3.create_multipart_upload, {}),
    ):
        with pytest.raises(ClientError) as denied:
            write(Bucket=BUCKET, Key="ledger/a.json", **given)
        assert status(denied) == 403
        assert denied.value.response["Error"]["Code"] == "AccessDenied"


def test_a_write_with_a_condition_or_elsewhere_is_not_denied(aws: LoopbackAws, s3: Any) -> None:
    guard(aws)
    created = s3.put_object(Bucket=BUCKET, Key="ledger/a.json", Body=b"1", IfNoneMatch="*")
    s3.put_object(Bucket=BUCKET, Key="ledger/a.json", Body=b"2", IfMatch=created["ETag"])
    s3.put_object(Bucket=BUCKET, Key="runs/a.json", Body=b"3")
    s3.delete_object(Bucket=BUCKET, Key="ledger/a.json")


def test_what_is_denied_is_what_the_template_says() -> None:
    def statement(**changes: Any) -> dict[str, Any]:
        absent = {"s3:if-none-match": "true", "s3:if-match": "true"}
        return {
            "Effect": "Deny",
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::b/ledger/*",
            "Condition": {"Null": absent},
            **changes,
        }

    statements = [
        statement(),
        statement(Effect="Allow"),
        statement(Action="s3:*", Condition={"Bool": {"aws:SecureTransport": "false"}}),
    ]
    policy = {"Bucket": "b", "PolicyDocument": {"Statement": statements}}
    (found,) = refusals(template_of({"P": ("S3::BucketPolicy", policy)}))
    assert found.resource == "arn:aws:s3:::b/ledger/*"
    assert set(found.headers) == {"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"}
