"""What the earlier exporter passed over in silence ends FAILED here, or tells a person, or both."""

from infra.local.cli.session import scaled
from tests.statemachines.world import AUGUST_2, TIME_SCALE, World


def test_a_usage_bucket_that_cannot_be_listed_fails_the_run_and_closes_no_month(
    world: World,
) -> None:
    world.month("c-1")
    world.plan["completeness"] = "calendar"
    already = len(world.account.aws.published())
    world.account.use(
        usage=world.usage,
        state=world.state_folder,
        plans=[world.plan],
        environment={
            "CLAZAR_URL": world.clazar.url,
            "USAGE_BUCKET": "a-bucket-that-is-not-there",
            **scaled(world.account, TIME_SCALE),
        },
    )
    result = world.account.run({"as_of": AUGUST_2}, time_scale=TIME_SCALE)
    assert (result.status, result.error) == ("FAILED", "DaysMissing")
    (message,) = world.account.aws.published()[already:]
    assert "a-bucket-that-is-not-there" in message
    assert world.state_json() is None
    assert not world.clazar.exchanges


def test_an_error_without_a_contract_is_reported_of_the_contract_that_was_sent(
    world: World,
) -> None:
    world.month("c-1", "c-2", "c-3")
    world.clazar.script("c-2", "unlabelled")
    already = len(world.account.aws.published())
    result = world.run()
    assert (result.status, result.error) == ("FAILED", "ContractsNeedAttention")
    (message,) = world.account.aws.published()[already:]
    assert "2025-07: c-2 (" in message
    (error,) = world.state_json()["error_contracts"]["2025-07"]
    assert error["contract_id"] == "c-2"
    assert world.billed_contracts() == {"c-1", "c-3"}
