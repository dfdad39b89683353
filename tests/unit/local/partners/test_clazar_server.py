"""The stand-in Clazar keeps its contract and misbehaves on command, over real HTTP."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from copy import deepcopy
from typing import Any

import pytest
import requests

from infra.local.partners.clazar.scripted import Post
from infra.local.partners.clazar.server import ClazarServer

Json = Any
CREDENTIALS = {"client_id": "local-client", "client_secret": "local-secret"}
ERROR = {"code", "message", "errors"}  # what a result that says nothing else has
SOON = 5  # seconds; only ever reached when the server is broken


def usage(contract: str = "c-1", dimension: str = "cpu_core_hours", **changes: object) -> Json:
    """Build one valid record of June 2025, then change it; a field changed to None is left out."""
    times = {"start_time": "2025-06-01T00:00:00Z", "end_time": "2025-06-30T23:59:59Z"}
    record = {"cloud": "aws", "contract_id": contract, "dimension": dimension, "quantity": "720"}
    changed = {**record, **times, **changes}
    return {name: value for name, value in changed.items() if value is not None}


class Client:
    """The few calls of a real client, on one kept-alive connection."""

    def __init__(self, server: ClazarServer) -> None:
        """Authenticate, so that most tests start ready to submit."""
        self.server = server
        self.session = requests.Session()
        self.log_in()

    def log_in(self) -> None:
        """Get a token and use it from now on."""
        token = self.post("/authenticate/", json=CREDENTIALS).json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def post(self, path: str = "/metering/", **how: Any) -> requests.Response:
        return self.session.post(self.server.url + path, **{"timeout": SOON, **how})

    def send(self, body: Json, timeout: float = SOON) -> requests.Response:
        return self.post(json=body, timeout=timeout)

    def submit(self, *records: Json) -> list[Json]:
        """Post records and give the results."""
        answer = self.send({"request": list(records)})
        assert answer.status_code == 200, answer.text
        results: list[Json] = answer.json()["results"]
        return results

    def get(self, path: str = "/metering/", **query: str | int) -> requests.Response:
        return self.session.get(self.server.url + path, params=query, timeout=SOON)

    def listed(self, **query: str | int) -> list[Json]:
        results: list[Json] = self.get("/metering/", **query).json()["results"]
        return results


@pytest.fixture
def client() -> Iterator[Client]:
    with ClazarServer() as server:
        yield Client(server)


# Authentication


def test_right_credentials_get_a_bearer_token_with_its_lifetime(client: Client) -> None:
    answer = client.post("/authenticate/", json=CREDENTIALS)
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type", "expires_in"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("bearer", 86_400)
    assert client.server.authentications == 2


@pytest.mark.parametrize(
    "body",
    [
        *({**CREDENTIALS, "client_secret": "wrong"}, {**CREDENTIALS, "client_secret": None}),
        *({**CREDENTIALS, "client_id": "sömeone"}, {"client_id": "local-client"}, []),
        {**CREDENTIALS, "grant_type": "client_credentials"},
    ],
)
def test_any_other_credentials_are_answered_401(client: Client, body: Json) -> None:
    assert client.post("/authenticate/", json=body).status_code == 401
    assert client.server.authentications == 1, "that of the client itself"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nobody", "{token}", "Token {token}"])
def test_nothing_is_read_or_written_without_a_bearer_token(client: Client, header: str) -> None:
    token = str(client.session.headers["Authorization"]).removeprefix("Bearer ")
    client.session.headers["Authorization"] = header.format(token=token)
    assert client.send({"request": [usage()]}).status_code == 401
    assert client.get().status_code == 401
    assert client.server.posts == []


def test_a_token_ends_after_its_seconds_and_a_new_one_helps() -> None:
    now = [1_000.0]
    with ClazarServer(token_seconds=60, clock=lambda: now[0]) as server:
        client = Client(server)
        now[0] += 59.9
        assert client.get().status_code == 200
        now[0] += 0.2
        assert client.get().status_code == 401
        client.log_in()
        assert client.get().status_code == 200


# The shape of a request


def test_a_valid_record_is_echoed_with_id_status_and_custom_properties(client: Client) -> None:
    (result,) = client.submit(usage())
    assert result == {**usage(), "id": result["id"], "status": "success", "custom_properties": {}}
    assert client.server.accepted == [result]


@pytest.mark.parametrize(
    "body",
    [
        *([usage()], usage(), {}, "request", None, {"records": [usage()]}),
        *({"request": [usage()], "dry_run": True}, {"request": usage()}, {"request": []}),
        {"request": [usage(), "c-1"]},
        {"request": [usage(f"c-{number}") for number in range(26)]},
    ],
)
def test_a_request_of_the_wrong_shape_is_answered_400_as_a_whole(
    client: Client, body: Json
) -> None:
    assert client.send(body).status_code == 400
    assert (client.server.posts, client.server.accepted) == ([], [])


def test_25_records_in_one_request_are_taken(client: Client) -> None:
    results = client.submit(*[usage(f"c-{number}") for number in range(25)])
    assert [result["status"] for result in results] == ["success"] * 25


NOT_CLEAN = (
    *(b"", b"{", b"\xff", b"[" * 100_000),
    *(b'{"request": [], "request": [{}]}', b'{"request": [{"quantity": NaN}]}'),
)


@pytest.mark.parametrize(
    ("path", "kind", "data", "status"),
    [
        *(("/metering/", {"Content-Type": "application/json"}, raw, 400) for raw in NOT_CLEAN),
        pytest.param("/authenticate/", {}, CREDENTIALS, 400, id="a form"),
        pytest.param("/metering/", {}, json.dumps({"request": [usage()]}), 400, id="no type"),
        pytest.param("/metering/", {}, iter([b'{"request"', b": []}"]), 411, id="no length"),
    ],
)
def test_a_body_that_is_not_clean_json_or_does_not_say_that_it_is_json_of_some_length_is_refused(
    client: Client, path: str, kind: dict[str, str], data: Any, status: int
) -> None:
    assert client.post(path, data=data, headers=kind).status_code == status


@pytest.mark.parametrize(
    "path", ["/authenticate", "/metering", "/metering/x/", "/", "/v2/metering/"]
)
def test_posting_to_another_path_or_without_the_trailing_slash_is_answered_404(
    client: Client, path: str
) -> None:
    assert client.post(path, json=CREDENTIALS).status_code == 404


# One record


BAD: dict[str, tuple[Json, ...]] = {
    "price": ("1",),
    "cloud": ("AWS", ["aws"]),
    "contract_id": ("", 7),
    "dimension": (" ",),
    "quantity": (720, "0", "-5", "+5", "05", "7.5", "1e3", "7\n", "\N{ARABIC-INDIC DIGIT SEVEN}"),
    "start_time": (
        *("2025-06-01", "2025-06-01T00:00:00", "2025-06-01T00:00:00+00:00"),
        "2025-06-31T00:00:00Z",
    ),
    "end_time": (1, "2025-06-01T00:00:00Z", "2025-05-01T00:00:00Z"),
    "custom_properties": ("x",),
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        *(({field: value}, f"{field}: ") for field, values in BAD.items() for value in values),
        *(({field: None}, f"{field}: required") for field in usage()),
        ({"cloud": "gcp", "quantity": "0.0"}, "quantity: "),
    ],
)
def test_a_record_with_a_bad_or_missing_value_is_an_error_result_that_names_the_field(
    client: Client, changes: Json, said: str
) -> None:
    bad, good = client.submit(usage(**changes), usage("c-2"))
    assert set(bad) >= ERROR
    assert "status" not in bad
    (error,) = bad["errors"]
    assert error.startswith(said)
    assert good["status"] == "success"
    assert [record["contract_id"] for record in client.server.accepted] == ["c-2"]


def test_other_clouds_take_decimals_and_custom_properties_are_echoed(client: Client) -> None:
    gcp, azure = client.submit(
        usage(cloud="gcp", quantity="0.25", custom_properties={"run": "r-1"}),
        usage("c-2", cloud="azure", start_time="2025-06-01T00:00:00.5Z"),
    )
    assert (gcp["status"], azure["status"]) == ("success", "success")
    assert gcp["custom_properties"] == {"run": "r-1"}


# Duplicates


def test_the_same_contract_dimension_and_hour_is_refused_with_clazars_words(
    client: Client,
) -> None:
    first, within_the_request = client.submit(usage(), usage())
    (later,) = client.submit(usage(quantity="5", start_time="2025-06-01T00:59:59Z"))
    client.server.preload(usage("c-2"))
    (preloaded,) = client.submit(usage("c-2", quantity="5"))
    assert first["status"] == "success"
    for refused in (within_the_request, later, preloaded):
        assert "same contract_id" in refused["errors"][0]
        assert "same hour" in refused["errors"][0]
    assert [record["quantity"] for record in client.server.accepted] == ["720", "720"]


def test_only_a_valid_record_can_be_preloaded(client: Client) -> None:
    with pytest.raises(ValueError, match="quantity"):
        client.server.preload(usage("c-2", quantity="0"))


def test_another_hour_dimension_or_contract_is_no_duplicate(client: Client) -> None:
    client.submit(usage())
    client.submit(usage("c-2"), usage(dimension="memory"))
    client.submit(usage(start_time="2025-06-01T01:00:00Z", quantity="3"))
    assert client.server.accepted_count() == {
        ("c-1", "cpu_core_hours", "2025-06"): 2,
        ("c-1", "memory", "2025-06"): 1,
        ("c-2", "cpu_core_hours", "2025-06"): 1,
    }


def test_without_the_duplicate_rule_a_double_bill_is_counted() -> None:
    with ClazarServer(refuse_duplicates=False) as server:
        Client(server).submit(usage(), usage())
        assert server.accepted_count()["c-1", "cpu_core_hours", "2025-06"] == 2


def test_of_many_submissions_at_the_same_moment_one_is_accepted() -> None:
    gate = threading.Barrier(16)

    def race(client: Client) -> bool:
        gate.wait()
        return bool(client.submit(usage())[0].get("status") == "success")

    with ClazarServer() as server, ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(race, [Client(server) for _ in range(16)])) == 1
        assert (server.accepted_count().total(), len(server.posts)) == (1, 16)


# Reading back


def test_the_listing_filters_by_each_documented_field(client: Client) -> None:
    client.server.script("c-3", "fail")
    for record in (usage("c-1"), usage("c-2", "memory"), usage("c-3"), usage("c-4", cloud="gcp")):
        client.submit(record)

    def contracts(**query: str) -> list[str]:
        return [record["contract_id"] for record in client.listed(**query)]

    assert contracts() == ["c-1", "c-2", "c-3", "c-4"]
    assert contracts(contract_id="c-2") == ["c-2"]
    assert contracts(dimension="memory") == ["c-2"]
    assert contracts(status="success") == ["c-1", "c-2", "c-4"]
    assert contracts(cloud="aws", status="success") == ["c-1", "c-2"]


@pytest.mark.parametrize(
    "query", ["start_time=2025-06", "page=0", "page=x", "page_size=-1", "page=1&page=2"]
)
def test_a_filter_or_page_that_clazar_does_not_have_or_has_once_is_answered_400(
    client: Client, query: str
) -> None:
    assert client.get(f"/metering/?{query}").status_code == 400


def test_pages_never_exceed_the_limit_and_the_one_past_the_end_is_empty() -> None:
    with ClazarServer(page_limit=2) as server:
        client = Client(server)
        client.submit(*[usage(f"c-{number}") for number in range(3)])
        pages = [client.listed(page=page, page_size=50) for page in (1, 2, 3)]
        assert [len(page) for page in pages] == [2, 1, 0]
        assert set(client.get().json()) == {"results"}


def test_a_page_of_a_long_listing_costs_no_more_than_a_page(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.server.preload(*[usage(f"c-{number}") for number in range(300)])
    copied: list[Json] = []

    def copy(rows: list[Json]) -> list[Json]:
        copied.extend(rows)
        return deepcopy(rows)

    monkeypatch.setattr("infra.local.partners.clazar.records.deepcopy", copy)
    assert len(client.listed(page=2, page_size=20)) == 20
    assert len(client.listed(contract_id="c-7")) == 1
    assert len(copied) == 21


def test_without_a_listing_nothing_can_be_read_but_submitting_works() -> None:
    with ClazarServer(listing=False) as server:
        client = Client(server)
        client.submit(usage())
        assert client.get().status_code == 404


# Told to misbehave


@pytest.mark.parametrize(
    ("action", "status", "accepted"),
    [
        *(("busy", 429, 0), ("unavailable", 503, 0), ("unavailable:accepted", 503, 1)),
        *(("expire", 401, 0), ("gateway-timeout", 504, 0), ("gateway-timeout:accepted", 504, 1)),
        *(("garbage", 200, 1), ("garbage:unaccepted", 200, 0), ("drop", 0, 0), ("lost", 0, 1)),
    ],
)
def test_an_answer_without_results_is_played_once_and_only_for_its_contract(
    client: Client, action: str, status: int, accepted: int
) -> None:
    server = client.server
    server.script("c-2", action, "ok")
    client.submit(usage("c-1"))
    with nullcontext() if status else pytest.raises(requests.ConnectionError):
        answer = client.send({"request": [usage("c-2")]})
        assert answer.text.startswith("<html>") is action.startswith(("garbage", "gateway"))
    assert (server.exchanges[-1].status, len(server.accepted)) == (status, 1 + accepted)
    client.log_in()
    assert len(client.listed(contract_id="c-2")) == accepted
    assert ("status" in client.submit(usage("c-2"))[0]) is (not accepted)
    assert server.unused_actions() == 0


def test_expire_ends_the_token_for_every_contract_until_a_new_one_is_fetched(
    client: Client,
) -> None:
    client.server.script("c-1", "expire")
    assert client.send({"request": [usage("c-1")]}).status_code == 401
    assert client.send({"request": [usage("c-2")]}).status_code == 401
    client.log_in()
    assert client.submit(usage("c-1"))[0]["status"] == "success"


@pytest.mark.parametrize(("action", "before"), [("slow:0.6", 0), ("slow-answer:60", 1)])
def test_slow_accepts_after_the_client_has_given_up_and_a_slow_answer_before(
    client: Client, action: str, before: int
) -> None:
    client.server.script("c-1", action)
    with pytest.raises(requests.Timeout):
        client.send({"request": [usage()]}, timeout=0.1)
    wait_until(lambda: len(client.server.accepted) == before)
    wait_until(lambda: len(client.server.accepted) == 1)


ALL, NOT_MEM = "cpu success, mem success, disk success", "cpu success, disk success"
MEM_FAIL = "cpu success, mem fail, disk success"


@pytest.mark.parametrize(
    ("action", "answered", "listed"),
    [
        *((word, "refused, refused, refused", "") for word in ("refuse", "unlabelled")),
        ("partial:mem", "cpu success, mem refused, disk success", NOT_MEM),
        ("partial:mem+unlabelled", "cpu success, refused, disk success", NOT_MEM),
        ("fail", "cpu fail, mem fail, disk fail", "cpu fail, mem fail, disk fail"),
        ("fail:mem", MEM_FAIL, MEM_FAIL),
        ("shuffled", "mem success, disk success, cpu success", ALL),
        ("short", "cpu success, mem success", ALL),
    ],
)
def test_each_record_is_answered_and_listed_as_told_and_taken_again_unless_it_was_billed(
    client: Client, action: str, answered: str, listed: str
) -> None:
    def said(results: list[Json]) -> str:
        """Name each result as far as it names itself."""
        assert all(result.get("status") or result["errors"] for result in results)
        states = [(result.get("dimension"), result.get("status", "refused")) for result in results]
        return ", ".join(f"{name} {state}" if name else state for name, state in states)

    client.server.script("c-1", action)
    records = [usage(dimension=name) for name in ("cpu", "mem", "disk")]
    results = client.submit(*records)
    assert (said(results), said(client.listed())) == (answered, listed)
    assert [set(result) for result in results if "contract_id" not in result] == [
        ERROR for text in answered.split(", ") if text == "refused"
    ]
    billed = [record["dimension"] for record in client.server.accepted]
    assert billed == [text.split()[0] for text in listed.split(", ") if "success" in text]
    again = [result.get("status", "refused") for result in client.submit(*records)]
    assert again == ["refused" if r["dimension"] in billed else "success" for r in records]


def test_an_unlabelled_duplicate_is_known_by_its_position_only(client: Client) -> None:
    client.server.script("c-1", "ok", "ok+unlabelled")
    client.submit(usage())
    duplicate, accepted = client.submit(usage(), usage(dimension="memory"))
    assert (set(duplicate), accepted["status"]) == (ERROR, "success")


def test_joined_words_all_take_effect(client: Client) -> None:
    client.server.script("c-1", "slow:0.05+partial:memory+lost")
    started = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        client.send({"request": [usage(), usage(dimension="memory")]})
    assert time.monotonic() - started >= 0.05
    assert [record["dimension"] for record in client.server.accepted] == ["cpu_core_hours"]


@pytest.mark.parametrize(
    "action", ["bussy", "", "slow:", "slow:-1", "slow:nan", "partial", "lost:maybe", "ok+x"]
)
def test_a_fault_that_is_not_understood_is_an_error_when_the_script_is_written(
    client: Client, action: str
) -> None:
    with pytest.raises(ValueError, match=r".+"):
        client.server.script("c-1", "busy", action)
    assert client.server.unused_actions() == 0


def test_the_script_of_any_contract_applies_to_its_request_which_is_kept_as_received(
    client: Client,
) -> None:
    client.server.script("c-2", "busy")
    body = {"request": [usage("c-1"), usage("c-2")]}
    assert client.send(body).status_code == 429
    (post,) = client.server.posts
    assert (post.number, post.records) == (1, body["request"])
    assert client.server.accepted == []


def test_the_listing_misbehaves_by_its_own_script(client: Client) -> None:
    client.server.listing_script("busy", "unavailable", "gateway-timeout", "garbage", "expire")
    answers = [client.get() for _ in range(5)]
    assert [answer.status_code for answer in answers] == [429, 503, 504, 200, 401]
    assert answers[3].text.startswith("<html>")
    client.log_in()
    client.server.listing_script("drop")
    with pytest.raises(requests.ConnectionError):
        client.get()
    assert client.get().status_code == 200


def test_the_authentication_misbehaves_by_its_own_script(client: Client) -> None:
    client.server.authentication_script("busy", "unavailable", "garbage")
    answers = [client.post("/authenticate/", json=CREDENTIALS) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 503, 200, 200]
    assert client.server.authentications == 2


# What is kept, and how the server lives


def test_what_a_test_does_to_the_records_it_got_does_not_change_the_server(
    client: Client,
) -> None:
    client.submit(usage(custom_properties={"run": "r-1"}))
    client.server.accepted[0]["custom_properties"]["run"] = "changed"
    client.server.accepted.clear()
    assert client.server.accepted[0]["custom_properties"] == {"run": "r-1"}


def test_the_most_submissions_at_one_time_are_counted() -> None:
    gate = threading.Barrier(3)
    seen: list[str] = []

    def meet(post: Post) -> None:
        seen.append(post.records[0]["contract_id"])
        gate.wait(SOON)

    with ClazarServer(on_post=meet) as server:
        clients = [Client(server) for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda pair: pair[1].submit(usage(f"c-{pair[0]}")), enumerate(clients)))
        assert server.max_in_flight == 3
        assert sorted(seen) == ["c-0", "c-1", "c-2"]


def test_one_connection_serves_many_requests_without_delay(client: Client) -> None:
    started = time.monotonic()
    for number in range(100):
        client.submit(usage(f"c-{number}"))
    assert time.monotonic() - started < 3  # 4 s with delayed acknowledgements, 40 ms each
    assert len(client.server.posts) == 100


def test_stop_cuts_kept_alive_connections_and_start_returns_at_the_same_address() -> None:
    server = ClazarServer()
    with pytest.raises(RuntimeError, match="start"):
        _ = server.url
    client = Client(server.start())
    client.submit(usage())
    url = server.url
    server.stop()
    server.stop()
    with pytest.raises(requests.ConnectionError):
        client.get()
    with server:
        assert server.url == url
        assert len(client.listed()) == 1


def test_stop_does_not_wait_for_a_sleeping_answer_and_accepts_nothing_afterwards() -> None:
    with ClazarServer() as server:
        client = Client(server)
        server.script("c-1", "slow:60")
        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(client.send, {"request": [usage()]}, 30)
            wait_until(lambda: len(server.posts) == 1)
            server.stop()
            assert isinstance(sent.exception(SOON), requests.ConnectionError)
        wait_until(lambda: server.exchanges[-1].status == 0)  # it woke up, 60 s early
    assert server.accepted == []


def wait_until(reached: Callable[[], bool], seconds: float = SOON) -> None:
    """Poll for something that another thread does."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)
