"""The newest upload is what ends stored, and a stream has one request at a time."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from infra.local.machine.executions import Running
from tests.statemachines.credits.credits_world import JANUARY, CreditsWorld, a_file, month_of


@pytest.mark.parametrize("older_event_first", [True, False])
def test_two_versions_in_quick_succession_end_with_the_newest_one(
    world: CreditsWorld,
    older_event_first: bool,  # noqa: FBT001 (from parametrize)
) -> None:
    old = world.upload(JANUARY, a_file(5))
    new = world.upload(JANUARY, a_file(4))
    order = [old, new] if older_event_first else [new, old]
    running = [world.start(event) for event in order]
    for each in running:
        assert world.account.wait(each).status == "SUCCEEDED"
    assert len(world.accounts()) == 4
    assert len(world.cloudzero.posts) == 1
    assert world.cloudzero.overlaps == 0


def test_a_version_that_arrives_while_the_older_one_is_posted_is_left_to_its_own_execution(
    open_world: Callable[..., CreditsWorld],
) -> None:
    later: list[Callable[[], object]] = []
    world = open_world(on_post=lambda _: later.pop()() if later else None)
    started: list[Running] = []
    later.append(lambda: started.append(world.start(world.upload(JANUARY, a_file(6)))))
    result = world.drop(JANUARY, a_file(5))
    assert result.status == "SUCCEEDED", result.cause
    assert month_of(result)["row_count"] == 5
    assert "was uploaded again meanwhile" in result.output["message"]
    assert world.account.wait(started[0]).status == "SUCCEEDED"
    assert len(world.accounts()) == 6
    assert [len(post.rows) for post in world.cloudzero.posts] == [5, 6]


def test_an_older_back_fill_that_is_run_again_leaves_a_corrected_month_alone(
    world: CreditsWorld,
) -> None:
    back_fill = "credits-2025-01_2025-02.csv"
    world.drop(back_fill, "000000000001,$10.00,$20.00\n")
    world.drop(JANUARY, "000000000001,$11.00\n")
    again = world.run({"key": back_fill})
    assert again.status == "SUCCEEDED"
    assert (world.total("2025-01"), world.total("2025-02")) == (Decimal(11), Decimal(20))
    assert month_of(again, "2025-01")["status"] == "superseded"
    assert JANUARY in month_of(again, "2025-01")["message"]
    assert month_of(again, "2025-01")["total_credit_usd"] == "11.00"


def test_executions_at_the_same_time_never_send_two_requests_at_once(world: CreditsWorld) -> None:
    names = [f"credits-2025-0{number}.csv" for number in range(1, 5)]
    events = [world.upload(name, a_file(3, cents=100 * n)) for n, name in enumerate(names)]
    running = [world.start(event) for event in events]
    results = [world.account.wait(each) for each in running]
    assert [result.status for result in results] == ["SUCCEEDED"] * 4
    assert len(world.cloudzero.posts) == 4
    assert world.cloudzero.overlaps == 0


def test_an_execution_that_is_gone_is_taken_over_from(world: CreditsWorld) -> None:
    world.upload(JANUARY, a_file(3))
    connection = world.account.setting("CLOUDZERO_CONNECTION_ID")
    world.upload(
        f"leases/{connection}.json",
        '{"execution": "arn:aws:states:us-east-1:123456789012:execution:x:gone", "at": ""}',
    )
    assert world.run({"key": JANUARY}).status == "SUCCEEDED"
