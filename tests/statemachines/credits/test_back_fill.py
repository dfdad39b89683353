"""A file with a column per month: oldest first, each month on its own."""

from decimal import Decimal

from tests.statemachines.credits.credits_world import CreditsWorld, month_of

QUARTER = "credits-2025-01_2025-03.csv"
ROWS = (
    "123456789012,$ 50.00,$ 75.00,$ 100.00\n"
    '234567890123,"$ 1,200.00","$ 1,500.00","$ 1,800.00"\n'
    "345678901234,$ -,,$ 50.00\n"
)


def test_each_month_gets_its_column_oldest_first(world: CreditsWorld) -> None:
    result = world.drop(QUARTER, ROWS)
    assert result.status == "SUCCEEDED", result.cause
    months = ("2025-01", "2025-02", "2025-03")
    assert [post.month for post in world.cloudzero.posts] == list(months)
    assert [world.total(month) for month in months] == [Decimal(1250), Decimal(1575), Decimal(1950)]
    assert len(world.accounts("2025-02")) == 3, "an account without a credit keeps its row"
    assert world.cloudzero.overlaps == 0


def test_a_month_that_fails_does_not_stop_the_others_and_a_rerun_posts_only_that_one(
    world: CreditsWorld,
) -> None:
    world.cloudzero.script("ok", "400", "ok")
    result = world.drop(QUARTER, ROWS)
    assert (result.status, result.error) == ("FAILED", "PartnerRefused")
    assert "2025-02" in str(result.cause)
    assert "2025-02: PartnerRefused" in str(result.cause).splitlines()[0]
    assert "2025-01: verified; posted; CloudZero holds 3 rows" in str(result.cause)
    assert month_of(result, "2025-03")["status"] == "verified"
    posted = len(world.cloudzero.posts)
    assert world.drop(QUARTER, ROWS).status == "SUCCEEDED"
    assert [post.month for post in world.cloudzero.posts[posted:]] == ["2025-02"]
