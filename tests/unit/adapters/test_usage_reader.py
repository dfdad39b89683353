"""The usage reader: ordered, bounded, signed with the function's own credentials."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from functions.adapters.usage_reader import open_store, read_all
from functions.domain.problem import Problem
from functions.domain.usage_files import UsageFile
from infra.local.loopback_http import LoopbackHttp, Reply, Request


class FakeS3(LoopbackHttp):
    """Answers every GET with its key; remembers the headers."""

    def __init__(self) -> None:
        super().__init__(port=0)
        self.seen: list[Request] = []

    def answer(self, request: Request) -> Reply:
        self.seen.append(request)
        if "rewritten" in request.path:
            return Reply(412, {})
        if "gone" in request.path:
            return Reply(404, {})
        if "forbidden" in request.path:
            return Reply(403, {})
        return Reply(200, {"key": request.path})


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    server = FakeS3()
    server.begin()
    for name, value in {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "the-session-token",
        "AWS_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    yield server
    server.stop()


def a_file(name: str, size: int = 10) -> UsageFile:
    return UsageFile(key=f"usage/{name}.json", etag='"e-1"', size=size, hour="01/00")


def test_files_come_back_in_the_order_they_were_asked_for(s3: FakeS3) -> None:
    files = [a_file(f"{n:03d}", size=n * 1_000_000) for n in range(200)]
    read = list(read_all(open_store("bucket"), files))
    assert [file for file, _ in read] == files
    assert all(file.key.encode() in body for file, body in read if isinstance(body, bytes))
    assert len(s3.seen) == 200


def test_requests_carry_the_session_of_the_functions_role_and_the_listed_etag(s3: FakeS3) -> None:
    list(read_all(open_store("bucket"), [a_file("a")]))
    headers = {name.lower(): value for name, value in dict(s3.seen[0].headers).items()}
    assert headers["x-amz-security-token"] == "the-session-token"
    assert "AKIATEST" in headers["authorization"]
    assert "eu-central-1/s3/aws4_request" in headers["authorization"]
    assert headers["if-match"] == '"e-1"'


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("rewritten", "was rewritten"),
        ("gone", "is not there any more"),
        ("forbidden", "may not be read"),
    ],
)
@pytest.mark.usefixtures("s3")
def test_a_file_that_cannot_be_had_is_a_problem_with_its_name(name: str, detail: str) -> None:
    ((_, problem),) = read_all(open_store("bucket"), [a_file(name)])
    assert isinstance(problem, Problem)
    assert problem.key == f"usage/{name}.json"
    assert detail in problem.detail
