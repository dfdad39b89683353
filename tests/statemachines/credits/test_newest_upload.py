"""The newest upload is what ends stored, and a stream has one request at a time."""

from tests.statemachines.credits.credits_world import JANUARY, CreditsWorld, a_file


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
