"""From files to quantities: what is read, refused, set aside and rounded."""

from tests.statemachines.world import PATH, World, a_record


def test_a_month_is_totalled_and_every_contract_is_billed_once(world: World) -> None:
    world.month("c-1", "c-2", value=3)
    result = world.run()
    assert (result.status, result.error) == ("SUCCEEDED", None)
    assert set(world.billed().values()) == {18}
    assert len(world.billed()) == 6
    record = world.clazar.accepted[0]
    window = (record["start_time"], record["end_time"], record["cloud"])
    assert window == ("2025-07-01T00:00:00Z", "2025-07-31T23:59:59Z", "aws")
    state = world.state_json()
    assert state["last_processed_month"] == "2025-07"
    assert state["success_contracts"] == {"2025-07": ["c-1", "c-2"]}
    month = result.output["months"][0]
    numbers = {"files": 6, "records": 36, "contracts": 2, "entries": 6, "errors": 0}
    assert month.items() >= {**numbers, "submitted": 2, "submitted_records": 6}.items()
    posts = len(world.clazar.posts)
    again = world.run()
    assert again.status == "SUCCEEDED"
    assert again.output["months"] == []
    assert len(world.clazar.posts) == posts


def test_a_missing_hour_stops_the_month_or_warns_by_configuration(world: World) -> None:
    world.month("c-1")
    (world.usage / f"omnistrate-metering/{PATH}/2025/07/01/03/sub-1.json").unlink()
    stopped = world.run()
    assert stopped.error == "BadUsage"
    assert ": 1 (01/03)" in str(stopped.cause)
    world.plan["missing_hours"] = "warn"
    warned = world.run()
    assert warned.status == "SUCCEEDED"
    assert ": 1 (01/03)" in warned.output["months"][0]["warnings"][0]
    assert world.billed()["c-1", "cpu_core_hours", "2025-07"] == 5


def test_a_record_without_a_payer_is_quarantined_with_its_total_and_the_rest_is_billed(
    world: World,
) -> None:
    world.month("c-1", dimensions=["cpu_core_hours"])
    world.hour("01/05", [a_record("c-1"), a_record(None, value=7.5), a_record("", value=1)])
    result = world.run()
    assert result.status == "SUCCEEDED"
    assert world.billed() == {("c-1", "cpu_core_hours", "2025-07"): 6}
    assert world.report()["quarantined"] == [
        {"subscription": "sub-1", "dimension": "cpu_core_hours", "quantity": "8.5"}
    ]
    assert "8.5 cpu_core_hours of subscription sub-1" in result.output["message"]


def test_the_larger_of_two_measurements_counts_and_it_is_reported(world: World) -> None:
    world.month("c-1", dimensions=["cpu_core_hours"], podName="p")
    world.hour("01/05", [a_record("c-1", podName="p", value=value) for value in (2, 5, 3)])
    result = world.run()
    assert world.billed() == {("c-1", "cpu_core_hours", "2025-07"): 10}
    assert result.output["months"][0]["duplicates"] == 2
    assert world.report()["duplicate_quantity"] == {"cpu_core_hours": "5"}
