"""The CloudZero adapter over real HTTP: what was taken, refused, never sent, and not known."""

import json
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import boto3
import msgspec
import pytest
import requests
import responses
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS
from moto import mock_aws

from functions import errors
from functions.adapters import credits_account
from functions.adapters.cloudzero.api import CloudZero
from functions.domain.credits.cbf import credit_rows, drop_body
from functions.domain.month import Month
from infra.local.partners.cloudzero.server import CloudZeroServer
from infra.local.partners.http import LoopbackHttp, Reply, Request

JANUARY = Month(2025, 1)
ROWS = credit_rows(JANUARY, [("054736553085", Decimal("11845.35")), ("000000000001", Decimal(0))])
BODY = drop_body(JANUARY, ROWS)
DROPS = "/v2/connections/billing/anycost/c-1/billing_drops"
OTHER_SPELLING = f"{DROPS}/2025-01-01T00:00:00Z"
ANYWHERE = re.compile("http://partner.test/")

Call = Callable[[CloudZero], object]
CALLS: dict[str, Call] = {
    "stored": lambda cloudzero: cloudzero.stored("c-1", JANUARY),
    "post": lambda cloudzero: cloudzero.post("c-1", BODY),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))


class Secret:
    """A key that is kept until a fresh one is asked for, as in a warm function."""

    def __init__(self, kept: str = "a-key", current: str | None = None) -> None:
        self.kept, self.current = kept, current or kept

    def __call__(self, fresh: bool) -> str:  # noqa: FBT001
        if fresh:
            self.kept = self.current
        return self.kept


class Playing(LoopbackHttp):
    """Gives the replies it was given, the last one for ever; remembers every request."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__()
        self.replies, self.seen = list(replies), list[Request]()

    def answer(self, request: Request) -> Reply:
        self.seen.append(request)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.seen]


@pytest.fixture
def server() -> Iterator[CloudZeroServer]:
    with CloudZeroServer() as server:
        yield server


@pytest.fixture
def cloudzero(server: CloudZeroServer) -> CloudZero:
    return CloudZero(server.url, Secret())


@pytest.fixture
def play() -> Iterator[Callable[..., tuple[Playing, CloudZero]]]:
    started: list[Playing] = []

    def begin(*replies: Reply, secret: Secret | None = None) -> tuple[Playing, CloudZero]:
        started.append(Playing(*replies))
        started[-1].start()
        return started[-1], CloudZero(f"{started[-1].url}/", secret or Secret())

    yield begin
    for server in started:
        server.stop()


Play = Callable[..., tuple[Playing, CloudZero]]


@contextmanager
def network(**reply: Any) -> Iterator[responses.RequestsMock]:
    """Let every request to the partner be answered, or fail, in one way."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as calls:
        for method in ("GET", "POST"):
            calls.add(method, url=ANYWHERE, **reply)
        yield calls


# Requests


def test_a_drop_is_posted_and_read_back(server: CloudZeroServer, cloudzero: CloudZero) -> None:
    assert cloudzero.post("c-1", BODY).drop_id
    assert cloudzero.stored("c-1", JANUARY) == ROWS
    (post,) = server.posts
    operation = json.loads(post.raw)["operation"]
    assert (post.connection_id, operation) == ("c-1", "replace_drop")
    assert (len(server.posts), server.posts[0].raw) == (1, BODY)


@every_call
def test_the_key_stands_alone_in_the_header_without_bearer(play: Play, call: Call) -> None:
    server, cloudzero = play(CONTENTS, secret=Secret("the-key"))
    call(cloudzero)
    assert [request.headers["authorization"] for request in server.seen] == ["the-key"]
    again = [name for name in server.seen[0].headers if "idempotency" in name]
    assert not again, "it could replay an old answer for a new drop"


def test_a_drop_is_sent_as_json_and_its_bytes_as_they_are(play: Play) -> None:
    server, cloudzero = play(Reply(200, {}))
    cloudzero.post("c-1", BODY)
    (request,) = server.seen
    assert (request.method, request.path, request.body) == ("POST", DROPS, BODY)
    assert request.headers["content-type"] == "application/json"
    assert "content-encoding" not in request.headers


# The key


@every_call
@pytest.mark.parametrize("status", [401, 403])
def test_a_new_key_is_read_when_the_old_one_is_refused_and_the_request_repeated_once(
    play: Play, call: Call, status: int
) -> None:
    refused, taken = Reply(status, {"message": "no"}), CONTENTS
    server, cloudzero = play(refused, taken, secret=Secret("old", "new"))
    call(cloudzero)
    assert [request.headers["authorization"] for request in server.seen] == ["old", "new"]
    assert server.seen[0].body == server.seen[1].body


@every_call
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(("secret", "asked"), [(("a-key",), 1), (("old", "new"), 2)])
def test_a_refused_key_is_not_sent_again_and_a_new_one_once(
    play: Play, call: Call, status: int, secret: tuple[str, ...], asked: int
) -> None:
    server, cloudzero = play(Reply(status, {"message": "no"}), secret=Secret(*secret))
    with pytest.raises(errors.CredentialsRefused, match=f"HTTP {status}"):
        call(cloudzero)
    assert len(server.seen) == asked


@every_call
@pytest.mark.parametrize("status", [400, 403, 429, 500])
def test_a_partner_that_repeats_the_key_does_not_bring_it_into_a_message(
    play: Play, call: Call, status: int
) -> None:
    echo = Reply(status, {"message": "'s3cr3t-k3y' not a valid key=value pair in Authorization"})
    _, cloudzero = play(echo, secret=Secret("s3cr3t-k3y"))
    with pytest.raises(Exception, match=f"HTTP {status}") as refused:
        call(cloudzero)
    assert "s3cr3t-k3y" not in str(refused.value)


# What a failure means


FINAL = (402, 406, 410, 413, 418, 422)


@every_call
@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, errors.PartnerBusy) for status in (409, 425, 429)),
        *((status, errors.OutcomeUnknown) for status in (408, 500, 502, 503, 504, 599)),
        *((status, errors.PartnerRefused) for status in FINAL),
    ],
)
def test_a_partner_that_is_busy_gives_up_or_refuses_is_asked_once_and_says_why(
    play: Play, call: Call, status: int, error: type[Exception]
) -> None:
    server, cloudzero = play(Reply(status, {"message": "because"}))
    with pytest.raises(error, match=f"HTTP {status} .*because"):
        call(cloudzero)
    assert len(server.seen) == 1


SCRIPTS: dict[str, Callable[[CloudZeroServer], Callable[..., None]]] = {
    "stored": lambda server: server.contents_script,
    "post": lambda server: server.script,
}
every_script = pytest.mark.parametrize("name", SCRIPTS)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.adapters.cloudzero.api._TIMEOUT", (5, 0.5))


@every_script
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("action", "said"), [("drop", "ConnectionError"), ("slow:20", "ReadTime")])
def test_an_answer_that_is_cut_or_does_not_come_in_time_leaves_the_outcome_unknown(
    server: CloudZeroServer, cloudzero: CloudZero, name: str, action: str, said: str
) -> None:
    SCRIPTS[name](server)(action)
    with pytest.raises(errors.OutcomeUnknown, match=said):
        CALLS[name](cloudzero)
    assert server.unused_actions() == 0


def test_a_drop_whose_answer_was_lost_is_stored(
    server: CloudZeroServer, cloudzero: CloudZero
) -> None:
    for action in ("lost", "after:500"):
        server.script(action)
        with pytest.raises(errors.OutcomeUnknown):
            cloudzero.post("c-1", BODY)
    assert (len(server.posts), server.stored) == (2, {"2025-01": ROWS})


@every_call
@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.ChunkedEncodingError("cut within the answer"),
        requests.exceptions.ContentDecodingError("not gzip"),
        requests.exceptions.SSLError("certificate"),
        requests.exceptions.ConnectionError("reset by peer"),
        requests.exceptions.ReadTimeout("45 s"),
        requests.exceptions.ConnectionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_other_failure_on_the_way_leaves_the_outcome_unknown(
    call: Call, error: Exception
) -> None:
    with network(body=error), pytest.raises(errors.OutcomeUnknown, match=type(error).__name__):
        call(CloudZero("http://partner.test", Secret()))


@every_call
def test_no_connection_means_that_nothing_has_left(call: Call) -> None:
    with CloudZeroServer() as server:
        cloudzero = CloudZero(server.url, Secret())
        call(cloudzero)
    with pytest.raises(errors.PartnerUnreachable):
        call(cloudzero)
    timeout = requests.exceptions.ConnectTimeout("5 s")
    with network(body=timeout), pytest.raises(errors.PartnerUnreachable):
        call(CloudZero("http://partner.test", Secret()))


@pytest.mark.parametrize("status", [400, 404, 405])
def test_a_drop_that_is_refused_is_not_tried_in_another_way(play: Play, status: int) -> None:
    server, cloudzero = play(Reply(status, {"error": {"message": "bad lineitem/type"}}))
    with pytest.raises(errors.PartnerRefused, match="bad lineitem/type"):
        cloudzero.post("c-1", BODY)
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_neither_key_nor_drop_follows_a_redirection(status: int) -> None:
    elsewhere = "http://elsewhere.test/"
    cloudzero = CloudZero("http://partner.test/", Secret())
    with network(status=status, headers={"location": elsewhere}) as calls:
        for method in ("GET", "POST"):
            calls.add(method, url=elsewhere, json={"billing_drop": []})
        with pytest.raises(errors.PartnerRefused, match=f"HTTP {status}"):
            cloudzero.stored("c-1", JANUARY)
        assert not cloudzero.post("c-1", BODY).certain, "it may be answered after it was stored"
        assert [str(made.request.url).count("//") for made in calls.calls] == [1, 1]


def test_a_long_refusal_is_cut(play: Play) -> None:
    _, cloudzero = play(Reply(413, {"message": "x" * 100_000}))
    with pytest.raises(errors.PartnerRefused) as refused:
        cloudzero.post("c-1", BODY)
    assert len(str(refused.value)) < 1_000


# Answers to a drop


@pytest.mark.parametrize(
    ("answer", "drop_id"),
    [
        ({"connection": {"drop_id": "d", "month": "2025-01", "row_count": 2}}, "d"),
        ({"drop_id": "d", "row_count": 2}, "d"),
        ({"connection": {"drop_id": 7}}, "7"),
        *(({"connection": said}, None) for said in list[Any](({"drop_id": ["d"]}, {}, None))),
        *((said, None) for said in list[Any](({}, [], None, b"", b"<html>", b"\xff"))),
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202])
def test_an_accepted_drop_is_accepted_whatever_is_said_of_it(
    play: Play, status: int, answer: Any, drop_id: str | None
) -> None:
    _, cloudzero = play(Reply(status, answer))
    taken = cloudzero.post("c-1", BODY)
    assert (taken.drop_id, taken.certain) == (drop_id, True)
    assert taken.answer.startswith(f"HTTP {status}")


@pytest.mark.parametrize(
    "said",
    [
        {"connection": {"drop_id": "d", "errors": ["row 3"]}},
        *({"status": "failed"}, {"error": {"message": "quota"}}, {"success": False}),
    ],
)
def test_an_accepting_answer_that_says_it_failed_accepts_nothing_for_certain(
    play: Play, said: dict[str, object]
) -> None:
    _, cloudzero = play(Reply(200, said))
    assert not cloudzero.post("c-1", BODY).certain


@pytest.mark.parametrize("said", [{"error": {"message": "archived"}}, {"row_count": "archived"}])
def test_the_words_of_an_accepting_answer_are_kept_cut_and_without_the_key(
    play: Play, said: dict[str, object]
) -> None:
    answer = Reply(200, {**said, "echo": "s3cr3t-k3y", "rows": ["x"] * 10_000})
    _, cloudzero = play(answer, secret=Secret("s3cr3t-k3y"))
    words = cloudzero.post("c-1", BODY).answer
    assert "archived" in words
    assert "s3cr3t-k3y" not in words
    assert len(words) < 1_000


# The rows of a month

MISSING = Reply(404, {"error": {"message": "no drop", "type": "not_found"}})
MISSPELT = Reply(400, {"error": {"message": "month: pattern", "type": "bad_request"}})
CONTENTS = Reply(200, {"billing_drop": ROWS})
EMPTY = Reply(200, {"billing_drop": []})


@pytest.mark.parametrize("said", [b"<html>", b"", {"message": "no Route matched"}, ["error"]])
def test_a_404_of_a_gateway_is_no_missing_month(play: Play, said: object) -> None:
    """Taken for one, the month would be replaced without a snapshot."""
    _, cloudzero = play(Reply(404, said))
    with pytest.raises(errors.PartnerRefused, match="HTTP 404"):
        cloudzero.stored("c-1", JANUARY)


@pytest.mark.parametrize(
    ("replies", "held"),
    [
        *(([MISSING], None), ([MISSPELT, MISSING], None), ([MISSING, MISSPELT], None)),
        *(([EMPTY], []), ([EMPTY, MISSING], []), ([EMPTY, MISSPELT], [])),
        *(([first, CONTENTS], ROWS) for first in (MISSING, MISSPELT, EMPTY)),
    ],
)
def test_a_month_is_asked_for_in_both_spellings_and_is_what_those_that_are_understood_find(
    play: Play, replies: list[Reply], held: list[object] | None
) -> None:
    server, cloudzero = play(*replies)
    assert cloudzero.stored("c-1", JANUARY) == held
    assert server.paths == [f"{DROPS}/2025-01", OTHER_SPELLING]


def test_a_month_that_no_spelling_is_right_for_is_a_refusal(play: Play) -> None:
    server, cloudzero = play(MISSPELT)
    with pytest.raises(errors.PartnerRefused, match="month: pattern"):
        cloudzero.stored("c-1", JANUARY)
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    "answer",
    [
        *(b"", b"<html>", b'{"billing_drop": [{"cost/cost": "-1', b'{"billing_drop": ["\xff"]}'),
        *({}, [], None, "rows", {"billing_drops": []}),
        *({"billing_drop": rows} for rows in list[Any]((None, {}, [{}, None], [["-1.00"]]))),
        b'{"billing_drop": [{"cost/cost": "-1.00"}], "billing_drop": []}',
    ],
)
def test_an_answer_without_the_rows_is_no_empty_month(play: Play, answer: Any) -> None:
    _, cloudzero = play(Reply(200, answer))
    with pytest.raises(errors.PartnerBusy, match="without the rows of the month"):
        cloudzero.stored("c-1", JANUARY)


@pytest.mark.parametrize("status", [201, 202, 203, 204, 206])
@pytest.mark.parametrize("rows", [[], ROWS[:1]])
def test_a_month_is_shown_by_200_alone(play: Play, status: int, rows: object) -> None:
    """What is still worked out, or is a part, would be kept as the snapshot of a whole month."""
    _, cloudzero = play(Reply(status, {"billing_drop": rows}))
    with pytest.raises(errors.PartnerBusy, match=f"not shown as a whole: HTTP {status}"):
        cloudzero.stored("c-1", JANUARY)


def test_a_month_whose_answer_says_that_it_failed_is_asked_for_again(play: Play) -> None:
    _, cloudzero = play(Reply(200, {"billing_drop": [], "errors": ["backend timeout"]}))
    with pytest.raises(errors.PartnerBusy, match="not shown as a whole: errors is"):
        cloudzero.stored("c-1", JANUARY)


def paging(pages: int, rows: int, cursor: str | None) -> dict[str, object]:
    """CloudZero's documented words for a list that may have pages."""
    more = {"next_cursor": cursor, "previous_cursor": "p", "has_next": bool(cursor)}
    return {"pagination": {"page_count": pages, "total_count": rows, "cursor": more}}


@pytest.mark.parametrize(
    ("said", "named"),
    [
        *((paging(1, 3, None), "total_count is 3"), (paging(2, 2, None), "page_count is 2")),
        *((paging(1, 2, "abc"), "next_cursor is abc"), ({"count": "3"}, "count is 3")),
        *(({"next": "/v2/x?page=2"}, "next is /v2"), ({"row_count": 3}, "row_count is 3")),
        *(({"meta": {"hasMore": True}}, "hasMore is True"), ({"total": 3}, "total is 3")),
        ({"count": "9" * 5_000}, "count is 999"),
        *(({word: "t"}, f"{word} is t") for word in ("continuation_token", "lastEvaluatedKey")),
        *(({word: True}, f"{word} is True") for word in ("partial", "isTruncated", "incomplete")),
        *(({word: False}, f"{word} is False") for word in ("complete", "last", "isLastPage")),
        ({"links": [{"rel": "next", "href": "/v2/x"}]}, "next is /v2/x"),
        *(
            ({"range": "0-1/3"}, "range is 0-1/3"),
            ({"page": {"totalElements": 3}}, "totalElements is 3"),
        ),
    ],
)
def test_a_month_that_is_shown_in_part_is_refused(
    play: Play, said: dict[str, object], named: str
) -> None:
    """Its snapshot would lose the rest."""
    _, cloudzero = play(Reply(200, {**said, "billing_drop": ROWS}))
    with pytest.raises(errors.PartnerRefused, match=f"2 rows shown although {named}.*start again"):
        cloudzero.stored("c-1", JANUARY)


def test_an_answer_that_says_that_it_is_whole_is_read(play: Play) -> None:
    whole = {**paging(1, 2, None), "next": None, "count": 2, "has_more": False, "month": 2025}
    _, cloudzero = play(Reply(200, {**whole, "billing_drop": ROWS}))
    assert cloudzero.stored("c-1", JANUARY) == ROWS


def test_a_number_that_was_not_whole_is_known_by_its_point(play: Play) -> None:
    numbers = ["5.4736553085E10", "1E-7", "-2.5e0", "1E+999999"]
    body = f'{{"billing_drop": [{{"x/y": [{", ".join(numbers)}]}}]}}'
    _, cloudzero = play(Reply(200, body.encode()))
    (row,) = cloudzero.stored("c-1", JANUARY) or []
    assert row["x/y"] == ["54736553085.0", "0.0000001", "-2.5", "1E+999999"]


def test_a_cost_that_is_a_number_arrives_to_the_last_digit(play: Play) -> None:
    costs = ["-11845.350000000000000001", "1e2", "-5", "-0.1", "1" * 40]
    rows = ", ".join(f'{{"cost/cost": {cost}}}' for cost in costs)
    _, cloudzero = play(Reply(200, f'{{"billing_drop": [{rows}]}}'.encode()))
    found = cloudzero.stored("c-1", JANUARY) or []
    assert [Decimal(row["cost/cost"]) for row in found] == [Decimal(cost) for cost in costs]
    assert not any(isinstance(row["cost/cost"], float) for row in found)
    assert msgspec.json.encode(found), "it can be kept in a snapshot"


# The secret


@pytest.fixture
def strict() -> Iterator[CloudZeroServer]:
    with CloudZeroServer(api_key="s3cr3t-k3y") as server:
        yield server


@pytest.fixture
def put_secret(
    monkeypatch: pytest.MonkeyPatch, strict: CloudZeroServer
) -> Iterator[Callable[[str], object]]:
    """Configure the functions with a secret that can be changed."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("CLOUDZERO_URL", strict.url)
    with mock_aws():
        client = boto3.client("secretsmanager", region_name="us-east-1")
        arn = client.create_secret(Name="cloudzero", SecretString="-")["ARN"]
        monkeypatch.setenv("CLOUDZERO_SECRET_ARN", arn)
        monkeypatch.setitem(DEFAULT_PROVIDERS, "secrets", SecretsProvider(boto3_client=client))
        credits_account.credits_receiver.cache_clear()
        yield lambda text: client.put_secret_value(SecretId=arn, SecretString=text)
        credits_account.credits_receiver.cache_clear()


def test_the_key_is_read_from_the_secret_and_again_once_it_was_rotated_within_a_warm_function(
    put_secret: Callable[[str], object], strict: CloudZeroServer
) -> None:
    put_secret('{"api_key": "an-old-key"}')
    with pytest.raises(errors.CredentialsRefused):
        credits_account.credits_receiver().post("c-1", BODY)
    put_secret(json.dumps({"api_key": " s3cr3t-k3y\n", "note": "FinOps"}))
    assert credits_account.credits_receiver().post("c-1", BODY).drop_id
    assert [exchange.status for exchange in strict.exchanges] == [403, 403, 200]


@pytest.mark.parametrize(
    "text",
    [
        *("s3cr3t-k3y", '"s3cr3t-k3y"', '{"api_key": ["s3cr3t-k3y"]}', '{"key": "s3cr3t-k3y"}'),
        *('["s3cr3t-k3y"]', '{"api_key": "s3cr3t-k3y', '{"api_key": "Bearer s3cr3t-k3y"}'),
        *('{"api_key": ""}', '{"api_key": "  "}', '{"api_key": "s3cr3t\\nk3y"}', "{}", "-"),
        *('{"api_key": "s3cr3t\\r\\nx-other: k3y"}', '{"api_key": "s3cr3t-k3\u00ff"}'),
    ],
)
def test_a_secret_that_holds_no_key_is_refused_without_being_repeated(
    put_secret: Callable[[str], object], strict: CloudZeroServer, text: str
) -> None:
    put_secret(text)
    with pytest.raises(errors.CredentialsRefused) as refused:
        credits_account.credits_receiver().post("c-1", BODY)
    shown = "".join(traceback.format_exception(refused.value))
    assert not [part for part in ("s3cr3t", "k3y") if part in shown]
    assert strict.exchanges == []


@every_call
@pytest.mark.parametrize(
    "key", ["s3cr3t-k3y\n", "s3cr3t\rk3y", "s3cr3t\u2026k3y", "s3cr3t-k3\u00ff"]
)
def test_a_key_that_no_header_can_hold_is_not_sent_and_not_repeated(
    strict: CloudZeroServer, call: Call, key: str
) -> None:
    with pytest.raises(
        errors.CredentialsRefused, match="a character that no header can hold"
    ) as refused:
        call(CloudZero(strict.url, Secret(key)))
    shown = "".join(traceback.format_exception(refused.value))
    assert not [part for part in ("s3cr3t", "k3y") if part in shown]
    assert strict.exchanges == []


@pytest.mark.usefixtures("put_secret")
def test_a_secret_that_is_not_there_is_refused_by_its_name(
    strict: CloudZeroServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDZERO_SECRET_ARN", "another-secret")
    with pytest.raises(errors.CredentialsRefused, match="the CloudZero secret cannot be read"):
        credits_account.credits_receiver().post("c-1", BODY)
    assert strict.exchanges == []
