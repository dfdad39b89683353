"""The buckets: a call that failed is an error, never an empty answer, and no write is blind."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import Stubber
from mypy_boto3_s3 import S3Client
from obstore.exceptions import GenericError

from functions.adapters import object_store, usage_reader
from functions.adapters.objects import Stored
from functions.adapters.storage import Bucket
from functions.domain.usage.usage_files import Listed
from functions.errors import StorageBusy

NAME, KEY = "a-bucket", "metering_state.json"
Call = Callable[[Bucket], object]
CALLS: dict[str, list[Call]] = {
    "list_objects_v2": [lambda bucket: list(bucket.list(KEY))],
    "get_object": [
        lambda bucket: bucket.read(KEY),
        lambda bucket: bucket.read(KEY, unless='"e"'),
        lambda bucket: bucket.read(KEY, most_bytes=10),
    ],
    "put_object": [
        lambda bucket: bucket.put(KEY, b"new"),
        lambda bucket: bucket.create(KEY, b"new"),
        lambda bucket: bucket.replace(KEY, b"new", '"e"'),
    ],
}


def a_page(*keys: str, more: str = "") -> dict[str, Any]:
    listed = [{"Key": key, "ETag": '"e"', "Size": 1} for key in keys]
    following = {"IsTruncated": True, "NextContinuationToken": more} if more else {}
    return {"Contents": listed, "IsTruncated": False, **following}


@pytest.mark.parametrize(
    ("operation", "call"), [(name, call) for name, calls in CALLS.items() for call in calls]
)
@pytest.mark.parametrize(
    ("code", "error"),
    [
        *((code, StorageBusy) for code in ("SlowDown", "InternalError", "RequestTimeout")),
        *((code, PermissionError) for code in ("AccessDenied", "NoSuchBucket")),
    ],
)
def test_a_call_that_fails_is_an_error_and_no_empty_listing_missing_object_or_saved_state(
    stubbed: Stubber, operation: str, call: Call, code: str, error: type[Exception]
) -> None:
    stubbed.add_client_error(operation, service_error_code=code)
    with pytest.raises(error, match=f"s3://{NAME}/{KEY}.*{code}"):
        call(Bucket(NAME))


def test_a_listing_that_fails_at_a_later_page_is_not_taken_for_the_whole(stubbed: Stubber) -> None:
    stubbed.add_response("list_objects_v2", a_page("usage/a", more="next"))
    stubbed.add_client_error("list_objects_v2", service_error_code="SlowDown")
    with pytest.raises(StorageBusy):
        list(Bucket(NAME).list("usage/"))


def test_a_listing_goes_on_to_its_last_page(stubbed: Stubber) -> None:
    names = [f"usage/{n:04d}" for n in range(1_488)]
    stubbed.add_response("list_objects_v2", a_page(*names[:1_000], more="next"))
    stubbed.add_response("list_objects_v2", a_page(*names[1_000:]))
    assert [item.key for item in Bucket(NAME).list("usage/")] == names


def test_what_somebody_else_has_written_meanwhile_is_not_overwritten(s3: S3Client) -> None:
    bucket = Bucket(NAME)
    assert bucket.create(KEY, b"first")
    assert bucket.create(KEY, b"second") is None
    read = bucket.read(KEY)
    assert read
    s3.put_object(Bucket=NAME, Key=KEY, Body=b"somebody else's")
    assert bucket.replace(KEY, b"mine", read.etag) is None
    kept = bucket.read(KEY)
    assert kept
    assert kept.body == b"somebody else's"
    assert bucket.replace(KEY, b"mine", kept.etag)


def test_an_object_that_is_known_is_not_read_again_and_one_that_has_changed_is(
    s3: S3Client,
) -> None:
    bucket = Bucket(NAME)
    assert bucket.read(KEY, unless='"e"') is None, "it is not there, whatever was known of it"
    etag = bucket.create(KEY, b"first")
    assert etag
    assert bucket.read(KEY, unless=etag) == Stored(b"", etag)
    assert (found := bucket.read(KEY))
    assert (found.body, found.etag) == (b"first", etag)
    s3.put_object(Bucket=NAME, Key=KEY, Body=b"second")
    changed = bucket.read(KEY, unless=etag)
    assert changed
    assert (changed.body, changed.etag != etag) == (b"second", True)
    s3.delete_object(Bucket=NAME, Key=KEY)
    assert bucket.read(KEY, unless=etag) is None, "gone is not unchanged"


class Busy:
    """A store that never gives a file."""

    def get(self, path: str, **_: object) -> object:
        raise GenericError(f"{path}: 503 after 8 retries")


def test_a_usage_file_that_is_not_given_now_is_an_error_to_retry_and_not_an_empty_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(object_store, "S3Store", lambda *_, **__: Busy())
    file = Listed(key="usage/a.json", etag='"e"', size=1, hour="01/00")
    with pytest.raises(StorageBusy, match=r"usage/a\.json"):
        list(usage_reader.UsageStore(NAME).read([file]))
