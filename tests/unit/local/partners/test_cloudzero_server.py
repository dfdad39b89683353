"""The stand-in CloudZero keeps its contract and misbehaves on command, over real HTTP."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from decimal import Decimal

import pytest
import requests

from infra.local.partners.cloudzero.received import Post
from infra.local.partners.cloudzero.server import CloudZeroServer
from tests.unit.local.partners.test_clazar_server import SOON, Json, wait_until

BASE = "/v2/connections/billing/anycost"
JUNE = "2025-06"


def credit(cost: str = "-1.50", changes: Json = None) -> Json:
    """Build one valid row of June 2025, then change it; a column changed to None is left out."""
    row = {"lineitem/type": "Credit", "time/usage_start": f"{JUNE}-01T00:00:00Z", "cost/cost": cost}
    changed = {**row, "resource/account": "000000000001", **(changes or {})}
    return {name: value for name, value in changed.items() if value is not None}


def drop(*rows: Json, **changes: object) -> Json:
    """Build the body of a drop for June 2025."""
    return {"month": f"{JUNE}-01T00:00:00Z", "data": list(rows), **changes}


class Client:
    """The few calls of a real client."""

    def __init__(self, server: CloudZeroServer, key: str = "a-key") -> None:
        self.server, self.session = server, requests.Session()
        self.session.headers["Authorization"] = key

    def call(self, method: str, path: str, **body: Json) -> requests.Response:
        url = self.server.url + BASE + path
        return self.session.request(method, url, **{"timeout": SOON, **body})

    def send(self, *rows: Json, **changes: object) -> requests.Response:
        return self.call("POST", "/c-1/billing_drops", json=drop(*rows, **changes))

    def get(self, month: str = f"/{JUNE}", stream: str = "c-1") -> requests.Response:
        return self.call("GET", f"/{stream}/billing_drops{month}")

    def costs(self) -> list[str]:
        return [row["cost/cost"] for row in self.get().json()["billing_drop"]]


@pytest.fixture
def client() -> Iterator[Client]:
    with CloudZeroServer() as server:
        yield Client(server)


def stored(server: CloudZeroServer) -> list[str]:
    return [row["cost/cost"] for row in server.stored.get(JUNE, [])]


def test_a_drop_is_confirmed_listed_and_read_back(client: Client) -> None:
    first, second = client.send(credit(), month=JUNE), client.send(credit("-2"), credit("-3.25"))
    described = second.json()["connection"]
    assert list(client.server.stored) == [JUNE], "in both forms"
    assert first.json()["connection"]["drop_id"] != described["drop_id"]
    assert (described["month"], described["row_count"]) == ("2025-06-01T00:00:00Z", 2)
    assert client.get("").json() == {"billing_drops": [described]}
    assert client.get().json() == {"billing_drop": [credit("-2"), credit("-3.25")]}
    assert client.get("/2025-06-01T00:00:00Z").json() == client.get().json()
    assert client.server.total(JUNE) == Decimal("-5.25")
    assert (client.server.total("2025-07"), client.server.overlaps) == (Decimal(0), 0)


@pytest.mark.parametrize(("path", "method"), [
    ("/c-1/billing_drops/", "POST"), ("/c-1/billing_drops/2025-06", "POST"),
    ("/billing_drops", "POST"), ("/validate_billing_drop", "POST"), ("/c-1", "GET"),
    ("/c-1/billing_drops/2025-13", "GET"),
    ("/c-1/billing_drops/2025-06-02T00:00:00Z", "GET"), ("/c-1/billing_drops/2025-06", "GET"),
])  # fmt: skip
def test_another_path_or_month_is_answered_404(client: Client, path: str, method: str) -> None:
    answer = client.call(method, path, json=drop(credit()))
    assert (answer.status_code, set(answer.json()["error"])) == (404, {"message", "type"})


@pytest.mark.parametrize(("api_key", "sent"), [
    (None, ""), (None, "Bearer"), (None, "Bearer a-key"), ("a-key", "Bearer a-key"),
    ("a-key", "b-key"), ("a-key", ""), ("", ""),
])  # fmt: skip
def test_anything_but_the_bare_key_is_answered_403(api_key: str | None, sent: str) -> None:
    with CloudZeroServer(api_key=api_key) as server:
        client = Client(server, sent)
        for answer in (client.send(credit()), client.get()):
            assert (answer.status_code, set(answer.json())) == (403, {"message"})
        assert server.posts == []
        assert Client(server, "a-key").send(credit()).ok is (api_key != "")


def test_five_million_bytes_are_taken_and_one_more_is_answered_413(client: Client) -> None:
    client.session.headers["Content-Type"] = "application/json; charset=utf-8"
    raw = json.dumps(drop(credit())).encode()
    for size, status in ((5_000_000, 200), (5_000_001, 413)):
        answer = client.call("POST", "/c-1/billing_drops", data=raw.ljust(size))
        assert answer.status_code == status
    assert set(answer.json()) == {"message"}


# The shape of a drop


@pytest.mark.parametrize(("body", "named"), [
    ([credit()], "data"), ("data", "data"), ({"month": JUNE}, "data"), (drop(data={}), "data"),
    (drop(credit(), "row"), "data"), (drop(credit(), dry_run=True), "data"),
    (drop(credit(), operation="add"), "operation"), (drop(credit(), operation=[]), "operation"),
    (drop(credit(), month=None), "month"), (drop(credit(), month="2025-6"), "month"),
    (drop(credit(), month="2025-06-01"), "month"), ({"data": []}, "month"),
    (drop(credit(), month="2025-06-02T00:00:00Z"), "month"), (drop(operation="sum"), "operation"),
])  # fmt: skip
def test_a_request_of_the_wrong_shape_is_refused(client: Client, body: Json, named: str) -> None:
    answer = client.call("POST", "/c-1/billing_drops", json=body)
    assert answer.status_code == 400
    assert f"'{named}'" in answer.json()["error"]["message"]
    assert (client.server.posts, client.server.stored) == ([], {})


@pytest.mark.parametrize(("kind", "cut"), [("text/csv", 0), ("application/json", 1)])
def test_what_is_not_json_or_not_called_so_is_refused(client: Client, kind: str, cut: int) -> None:
    client.session.headers["Content-Type"] = kind
    raw = json.dumps(drop(credit())).encode()
    answer = client.call("POST", "/c-1/billing_drops", data=raw[: len(raw) - cut])
    assert answer.status_code == 400


@pytest.mark.parametrize(("column", "value"), [
    ("time/usage_start", None), ("time/usage_start", 1), ("time/usage_start", "2025-06-01"),
    ("time/usage_start", "2025-06-01T00:30:00Z"), ("time/usage_start", "2025-06-31T00:00:00Z"),
    ("time/usage_start", "2025-07-01T00:00:00Z"), ("time/usage_start", "2025-06-01T00:00:00"),
    ("time/usage_end", "June"), ("lineitem/type", "Refund"), ("lineitem/type", "credit"),
    ("cost/cost", None), ("cost/cost", -1.5), ("cost/cost", ""), ("cost/cost", "+1"),
    ("cost/cost", "1e2"), ("cost/cost", "NaN"), ("cost/cost", " 1"), ("cost/cost", "1\n"),
    ("cost/cost", "1,000.00"), ("cost/cost", "1."), ("cost/cost", ".5"), ("cost/cost", "$1"),
    ("cost/amortized_cost", "x"), ("resource/account", 1), ("lineitem/description", ["x"]),
    ("account", "1"), ("resource/tag:", "x"), ("resource/tag:a b", "x"), ("usage/amount", 1),
])  # fmt: skip
def test_a_bad_row_refuses_the_drop_and_is_named(client: Client, column: str, value: Json) -> None:
    answer = client.send(credit(), credit(changes={column: value}))
    assert answer.status_code == 400
    assert f"data[1]: {column}: " in answer.json()["error"]["message"]
    assert (client.server.posts, client.server.stored) == ([], {})


def test_only_the_first_bad_rows_are_named(client: Client) -> None:
    message = client.send(*[credit("x")] * 9).json()["error"]["message"]
    assert (message.count("cost/cost"), "and 4 more rows" in message) == (5, True)


def test_a_tag_needs_a_resource(client: Client) -> None:
    row = credit(changes={"resource/tag:team:a": "x"})
    assert "resource/id: required" in client.send(row).json()["error"]["message"]
    assert client.send({**row, "resource/id": "r-1"}).ok


def test_optional_columns_are_taken_and_the_type_may_be_left_out(client: Client) -> None:
    times = {"time/usage_start": "2025-06-30T23:00:00Z", "time/usage_end": "2025-06-30T23:59:59Z"}
    others = {"lineitem/type": None, "cost/discounted_cost": "", "usage/units": "h"}
    assert client.send(credit("0.0", {**times, **others})).ok


# What a drop does


def test_a_drop_replaces_its_month(client: Client) -> None:
    client.server.preload(JUNE, [credit("-1"), credit("-2")])
    client.server.preload("2025-05", [])
    assert client.send(credit("-9")).json()["connection"]["row_count"] == 1
    assert client.costs() == stored(client.server) == ["-9"]
    listed = client.get("").json()["billing_drops"]
    assert [month["row_count"] for month in listed] == [0, 1]
    assert client.send().json()["connection"]["row_count"] == 0
    assert client.costs() == []


def test_only_a_valid_month_can_be_preloaded(client: Client) -> None:
    for month, row in (("June", credit()), (JUNE, credit("x")), ("2025-07", credit())):
        with pytest.raises(ValueError, match=r"month|cost|inside"):
            client.server.preload(month, [row])


def test_a_drop_reads_as_before_until_it_is_ingested() -> None:
    now = [1_000.0]
    with CloudZeroServer(clock=lambda: now[0]) as server:
        client = Client(server)
        server.script("ingest:60", "ingest:7200", "ok")
        client.send(credit("-1"))
        assert (client.get().status_code, client.get("").json()["billing_drops"]) == (404, [])
        assert stored(server) == ["-1"]
        now[0] += 60
        client.send(credit("-2"))
        assert (client.costs(), stored(server)) == (["-1"], ["-2"])
        client.send(credit("-3"))
        assert client.costs() == ["-3"]


def test_a_second_request_on_a_stream_is_counted_and_answered_429() -> None:
    seen: list[int] = []

    def meanwhile(_: Post) -> None:
        other = Client(running)
        answers = [other.send(credit("-7")), other.get(), other.get("")]
        answers += [other.get("", stream="c-2")]
        seen.extend(answer.status_code for answer in answers)

    with CloudZeroServer(on_post=meanwhile) as running:
        assert Client(running).send(credit()).ok
        assert seen == [429, 429, 429, 200]
        assert (running.overlaps, len(running.posts), stored(running)) == (3, 1, ["-1.50"])
        assert Client(running).get().ok


# Told to misbehave


@pytest.mark.parametrize(("action", "status", "rows"), [
    ("ok", 200, 2), ("429", 429, 0), ("503", 503, 0), ("500", 500, 0), ("400", 400, 0),
    ("403", 403, 0), ("413", 413, 0), ("ignore", 200, 0), ("keep:1", 200, 1), ("keep:0", 200, 0),
    ("after:500", 500, 2), ("after:503", 503, 2), ("slow:0.01+keep:1+after:504", 504, 1),
    ("bare", 200, 2), ("garbage", 200, 2), ("drop", 0, 0), ("lost", 0, 2), ("keep:1+lost", 0, 1),
])  # fmt: skip
def test_a_word_is_played_once(client: Client, action: str, status: int, rows: int) -> None:
    server = client.server
    server.script(action, "ok")
    with nullcontext() if status else pytest.raises(requests.ConnectionError):
        answer = client.send(credit("-1"), credit("-2"))
        assert (action == "garbage") is answer.text.startswith("<html>")
        assert (action == "bare") is (answer.text == "{}")
        assert ('"row_count": 2' in answer.text) is (action[:2] in ("ok", "ig", "ke"))
    assert (server.exchanges[-1].status, stored(server)) == (status, ["-1", "-2"][:rows])
    assert client.send(credit("-3")).ok
    assert server.unused_actions() == 0


@pytest.mark.parametrize("action", ["slow:0.2", "late:0.1"])
def test_a_drop_is_stored_after_the_client_has_given_up(client: Client, action: str) -> None:
    client.server.script(action)
    with pytest.raises(requests.RequestException):
        client.call("POST", "/c-1/billing_drops", json=drop(credit()), timeout=0.02)
    wait_until(lambda: bool(client.server.posts))
    wait_until(lambda: client.get().ok)


@pytest.mark.parametrize("action", ["slow:60", "late:60"])
def test_a_waiting_drop_keeps_its_stream_busy_until_stop(client: Client, action: str) -> None:
    client.server.script(action)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(client.send, credit())
        wait_until(lambda: bool(client.server.posts))
        wait_until(lambda: Client(client.server).get().status_code == 429)
        client.server.stop()
        assert isinstance(sent.exception(SOON), requests.ConnectionError)
    client.server.start()
    wait_until(lambda: client.get().status_code == 404)  # woken 60 s early, nothing stored
    assert client.server.stored == {}


def test_readings_misbehave_by_their_own_script(client: Client) -> None:
    client.send(credit())
    client.server.contents_script("ok", "503", "404", "garbage", "slow:0.01+drop")
    read = [client.get() for _ in range(4)]
    assert [answer.status_code for answer in read] == [200, 503, 404, 200]
    assert read[3].text.startswith("<html>")
    with pytest.raises(requests.ConnectionError):
        client.get()
    assert (client.costs(), client.server.unused_actions()) == (["-1.50"], 0)


@pytest.mark.parametrize("action", [
    "lots", "", "200", "drop:1", "keep", "keep:-1", "slow:", "late:x", "after:", "ok+",
])  # fmt: skip
def test_a_misspelt_word_is_an_error_when_it_is_scripted(client: Client, action: str) -> None:
    for kind in ("script", "contents_script"):
        with pytest.raises(ValueError, match=r".+"):
            getattr(client.server, kind)("503", action)
    assert client.server.unused_actions() == 0


def test_every_drop_is_kept_as_received_before_it_is_answered() -> None:
    seen: list[Post] = []
    with CloudZeroServer(on_post=seen.append) as server:
        server.script("503")
        Client(server).send(credit())
        (post,), (exchange,) = server.posts, server.exchanges
    assert seen == [post]
    assert (post.connection_id, post.month) == ("c-1", JUNE)
    assert post.rows == json.loads(post.raw)["data"]
    assert (exchange.path, exchange.status) == (f"{BASE}/c-1/billing_drops", 503)


def test_what_a_test_does_to_the_rows_it_got_changes_nothing(client: Client) -> None:
    client.server.preload(JUNE, [credit()])
    client.server.stored[JUNE][0]["cost/cost"] = "0"
    assert client.server.total(JUNE) == Decimal("-1.50")
