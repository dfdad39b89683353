"""Both pipelines in memory do what they do on the local engine: known facts, end to end."""

from __future__ import annotations

from tests.in_memory.clazar import Billed
from tests.in_memory.credits_world import CreditsWorld
from tests.in_memory.metering_world import MeteringWorld


def test_two_contracts_are_billed_once_and_a_second_run_sends_nothing() -> None:
    with MeteringWorld() as world:
        for hour in ("01/00", "01/01"):
            world.put_usage("2025-07", hour, {"c-1": {"cpu": 4, "mem": 2}, "c-2": {"cpu": 1}})
            world.put_usage("2025-07", hour, {"c-2": {"mem": 0.75}}, file="sub-2.json")
        first = world.execute()
        assert first.status == "SUCCEEDED"
        assert world.clazar.quantities() == {
            Billed("c-1", "cpu", "2025-07"): "8",
            Billed("c-1", "mem", "2025-07"): "4",
            Billed("c-2", "cpu", "2025-07"): "2",
            Billed("c-2", "mem", "2025-07"): "1",
        }
        assert world.state()["success_contracts"] == {"2025-07": ["c-1", "c-2"]}
        second = world.execute()
        assert (second.status, second.output["months"]) == ("SUCCEEDED", [])
        assert len(world.clazar.accepted) == 4


def test_a_refused_contract_is_parked_named_and_billed_once_it_is_re_opened() -> None:
    with MeteringWorld() as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}, "c-2": {"cpu": 1}})
        world.clazar.unknown_contracts.add("c-2")
        failed = world.execute()
        assert (failed.status, failed.error) == ("FAILED", "ContractsNeedAttention")
        assert "2025-07: c-2 (" in failed.cause
        assert world.messages[-1].execution == failed.name
        world.clazar.unknown_contracts.clear()
        world.reopen("2025-07", "c-2")
        assert world.execute().status == "SUCCEEDED"
        assert world.clazar.counts() == {
            Billed("c-1", "cpu", "2025-07"): 1,
            Billed("c-2", "cpu", "2025-07"): 1,
        }


def test_a_month_waits_for_its_export() -> None:
    with MeteringWorld() as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}})
        world.exported_to(world.now().replace(month=7))
        waiting = world.execute()
        assert "export incomplete" in waiting.output["waiting"][0]["reason"]
        world.exported_to(world.now())
        world.execute()
        assert len(world.clazar.accepted) == 1


def test_a_credits_file_replaces_its_month_and_the_same_again_is_not_posted() -> None:
    with CreditsWorld() as world:
        first = world.upload("credits-2025-01.csv", {"054736553085": ["6407.96"]})
        world.run()
        assert first.status == "SUCCEEDED"
        world.upload("credits-2025-01.csv", {"054736553085": ["6400.00"]})
        world.run()
        world.upload("credits-2025-01.csv", {"054736553085": ["6400.00"]})
        world.run()
        assert world.held("2025-01") == {"054736553085": "-6400.00"}
        assert len(world.cloudzero.posts) == 2


def test_two_uploads_at_once_are_posted_one_after_the_other() -> None:
    with CreditsWorld() as world:
        first = world.upload("credits-2025-01.csv", {"054736553085": ["1.00"]})
        second = world.upload("credits-2025-02.csv", {"054736553085": ["2.00"]})
        world.run()
        assert (first.status, second.status) == ("SUCCEEDED", "SUCCEEDED")
        assert world.held("2025-01") == {"054736553085": "-1.00"}
        assert world.held("2025-02") == {"054736553085": "-2.00"}
