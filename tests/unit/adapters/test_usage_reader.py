"""The usage reader: ordered, bounded, signed with the function's own credentials."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import boto3
import pytest
from moto.server import ThreadedMotoServer
from obstore.exceptions import UnknownConfigurationKeyError

from functions.adapters import object_store
from functions.adapters.storage import Bucket
from functions.adapters.usage_reader import UsageStore
from functions.domain.usage.usage_files import Listed
from functions.errors import BadUsage, StorageBusy
from infra.local.partners.http import LoopbackHttp, Reply, Request
from tests.unit.adapters.certificates import Quiet, served_over_tls

REFUSED = {"rewritten": 412, "gone": 404, "forbidden": 403, "elsewhere": 301}


class FakeS3(LoopbackHttp):
    """Answers every GET with its key; remembers the headers."""

    def __init__(self) -> None:
        super().__init__(port=0)
        self.seen: list[Request] = []

    def answer(self, request: Request) -> Reply:
        self.seen.append(request)
        refused = [status for name, status in REFUSED.items() if name in request.target]
        return Reply(refused[0], {}) if refused else Reply(200, {"key": request.path})


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    with FakeS3() as server:
        point_to(server.url, monkeypatch)
        monkeypatch.setenv("AWS_SESSION_TOKEN", "the-session-token")
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
        yield server


def point_to(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the storage be at a URL."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def a_file(name: str, size: int = 10) -> Listed:
    return Listed(key=f"usage/{name}.json", etag='"e-1"', size=size, hour="01/00")


def test_files_come_back_in_the_order_they_were_asked_for(s3: FakeS3) -> None:
    files = [a_file(f"{n:03d}", size=n * 1_000_000) for n in range(200)]
    read = list(UsageStore("bucket").read(files))
    assert [file for file, _ in read] == files
    assert all(file.key.encode() in body for file, body in read if isinstance(body, bytes))
    assert len(s3.seen) == 200


def test_requests_carry_the_session_of_the_functions_role_and_the_listed_etag(s3: FakeS3) -> None:
    list(UsageStore("bucket").read([a_file("a")]))
    headers = {name.lower(): value for name, value in dict(s3.seen[0].headers).items()}
    assert headers["x-amz-security-token"] == "the-session-token"
    assert "AKIATEST" in headers["authorization"]
    assert "eu-central-1/s3/aws4_request" in headers["authorization"]
    assert headers["if-match"] == '"e-1"'


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("rewritten", StorageBusy, "was rewritten or removed while the day was read"),
        ("gone", StorageBusy, "was rewritten or removed while the day was read"),
        ("forbidden", PermissionError, "usage/forbidden.json: .*"),
        ("elsewhere", StorageBusy, "usage/elsewhere.json: .*"),
    ],
)
@pytest.mark.usefixtures("s3")
def test_a_file_that_cannot_be_had_is_named_and_retried_unless_it_is_forbidden(
    name: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        list(UsageStore("bucket").read([a_file(name)]))


def test_the_first_failure_ends_the_reading_of_a_day(s3: FakeS3) -> None:
    files = [a_file("forbidden"), *(a_file(f"{n:04d}") for n in range(1_000))]
    with pytest.raises(PermissionError):
        list(UsageStore("bucket").read(files))
    assert len(s3.seen) < 1_000, "what waits for a connection is not asked for any more"


@pytest.mark.usefixtures("s3")
def test_a_listing_that_is_refused_is_an_error_and_not_an_empty_one() -> None:
    with pytest.raises(StorageBusy, match=r"forbidden/: .*403 Forbidden"):
        list(UsageStore("bucket").under("forbidden/"))


def test_many_objects_of_a_bucket_come_in_order_and_none_for_one_that_is_not_there(
    s3: FakeS3,
) -> None:
    keys = [f"ledger/c {number}{'-gone' if number % 500 == 7 else ''}" for number in range(1_200)]
    found = list(Bucket("bucket").read_many(iter(keys)))
    assert [number for number, stored in enumerate(found) if stored is None] == [7, 507, 1_007]
    names = [json.loads(stored.body)["key"] for stored in found if stored]
    assert names == [f"/bucket/{quote(key)}" for key in keys if "gone" not in key]
    assert len(s3.seen) == 1_200


@pytest.mark.parametrize(
    ("name", "error"), [("forbidden", PermissionError), ("elsewhere", StorageBusy)]
)
def test_an_object_of_many_that_cannot_be_had_is_an_error(
    s3: FakeS3, name: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match=f"s3://bucket/{name}: "):
        list(Bucket("bucket").read_many(["a", name]))
    assert s3.seen


def test_a_store_that_cannot_be_opened_may_be_opened_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise UnknownConfigurationKeyError("no region")

    monkeypatch.setattr(object_store, "S3Store", refuse)
    with pytest.raises(StorageBusy, match="s3://bucket: no region"):
        UsageStore("bucket")


NAMES = [
    *("r/01/00/a.json", "r/01/00/b c+%2F.json", "r/01/23/ü.json", "r/01/x.txt", "r/0199/z.json"),
    "r/flat.json",
]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[UsageStore]:
    """A bucket of moto's, with the folders that the S3 console makes."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    point_to(f"http://{host}:{port}", monkeypatch)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="bucket")
    for key in [*NAMES, "r/", "r/01/", "r/01/00/"]:
        client.put_object(Bucket="bucket", Key=key, Body=b"" if key.endswith("/") else b"[1]")
    yield UsageStore("bucket")
    server.stop()


def test_a_listing_says_what_boto3_says_without_what_the_console_makes_of_folders(
    bucket: UsageStore,
) -> None:
    by_boto3 = {item.key: item for item in Bucket("bucket").list("r/") if item.size}
    for prefix in ("r/", "r/01/", "r/01/00/", "r/02/"):
        below = {key: item for key, item in by_boto3.items() if key.startswith(prefix)}
        assert {item.key: item for item in bucket.under(prefix)} == below
    assert sorted(by_boto3) == sorted(NAMES)


def test_some_folders_are_left_out_of_a_listing_and_not_those_that_begin_like_them(
    bucket: UsageStore,
) -> None:
    found = {item.key for item in bucket.under("r/", but={"r/01/"})}
    assert found == {name for name in NAMES if not name.startswith("r/01/")}


def test_whatever_is_listed_can_be_read(bucket: UsageStore) -> None:
    listed = bucket.under("r/01/")
    files = [Listed(item.key, item.etag, item.size, None) for item in listed]
    assert [body for _, body in bucket.read(files)] == [b"[1]"] * 4


def test_a_name_that_cannot_be_read_is_bad_usage(bucket: UsageStore) -> None:
    client = boto3.client("s3", region_name="us-east-1")
    client.put_object(Bucket="bucket", Key="r/01/00//y.json", Body=b"[1]")
    with pytest.raises(BadUsage, match="r/01/00//"):
        list(bucket.under("r/01/00/"))


def test_files_are_read_over_tls_from_a_server_whose_certificate_is_trusted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with served_over_tls(OneFile, tmp_path) as server:
        point_to(f"https://127.0.0.1:{server.server_port}", monkeypatch)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        assert list(UsageStore("bucket").read([a_file("a")])) == [(a_file("a"), b"[]")]


class OneFile(Quiet):
    """Answers every GET with an empty file."""

    def do_GET(self) -> None:  # noqa: N802 (as http.server calls it)
        self.send_response(200)
        for name, value in {
            "Content-Length": "2",
            "ETag": '"e-1"',
            "Last-Modified": "Tue, 01 Jul 2025 00:00:00 GMT",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"[]")
