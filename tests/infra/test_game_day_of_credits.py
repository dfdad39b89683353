"""Game day of the credits pipeline: what is wrong with a file, its key or CloudZero is known."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from functions.domain.credits.drop import Limits
from functions.errors import CredentialsRefused
from tests.in_memory.credits_world import AUGUST_2, CreditsWorld
from tests.in_memory.interruptions import Choose, answers_lost, fails, starts, tells
from tests.in_memory.machine import StateFailed
from tests.in_memory.points import Point
from tests.infra.ringing import Mailing, Ringing, mailed_once, ours
from tests.infra.templates import Template

FILE = "credits-2025-01.csv"
AMOUNTS = {"054736553085": ["10.00"], "054736553086": ["20.00"]}
BAD = {"054736553085": ["1,5"]}
Fault = Callable[[CreditsWorld], object]
LIMITS = Limits(Decimal("0.5"), Decimal(10))


@pytest.fixture
def stack(assembly: Path) -> Template:
    return Template.of(assembly, "prod", "credits")


def breaking(world: CreditsWorld, choose: Choose) -> None:
    world.points.choose = choose


def a_good_file_after(fault: Fault, world: CreditsWorld) -> None:
    fault(world)
    world.upload(FILE, AMOUNTS)


def is_request(point: Point) -> bool:
    return point.kind in ("request", "listing")


def one_row_is_shown(world: CreditsWorld) -> None:
    world.cloudzero.view = lambda rows: rows[:1]


def a_month_is_held(world: CreditsWorld) -> None:
    world.upload(FILE, AMOUNTS)
    world.run()
    world.upload(FILE, {"054736553085": ["1.00"]})


def a_file_waits_for_the_stream(world: CreditsWorld) -> None:
    one_row_is_shown(world)
    for number in range(2):
        world.upload(f"credits-2025-0{number + 1}.csv", AMOUNTS)


def no_message_is_delivered(world: CreditsWorld) -> None:
    breaking(world, fails(tells(), StateFailed("SNS.InternalError", "no")))
    world.upload(FILE, BAD)


DIED = StateFailed("Lambda.Unknown", "")
UNREADABLE = CredentialsRefused("the CloudZero secret cannot be read")
BEFORE_A_GOOD_FILE: dict[str, tuple[Fault, set[str]]] = {
    "the secret is missing": (
        lambda w: breaking(w, fails(is_request, UNREADABLE)),
        {"CredentialsRefused"},
    ),
    "CloudZero is down": (
        lambda w: breaking(w, answers_lost(is_request, arrive=False)),
        {"OutcomeUnknown"},
    ),
    "CloudZero is busy": (lambda w: w.cloudzero.faults.extend(["busy"] * 100), {"PartnerBusy"}),
    "CloudZero refuses": (lambda w: w.cloudzero.faults.append("refused"), {"PartnerRefused"}),
    "a verification differs": (one_row_is_shown, {"DropDiffers"}),
    "a function dies": (
        lambda w: breaking(w, fails(starts("ReportCredits"), DIED)),
        {"a run failed"},
    ),
}
FAULTS: dict[str, tuple[Fault, set[str]]] = {
    **{
        name: (partial(a_good_file_after, fault), known)
        for name, (fault, known) in BEFORE_A_GOOD_FILE.items()
    },
    "a file is refused": (lambda world: world.upload(FILE, BAD), {"BadCredits"}),
    "a name is refused": (lambda world: world.upload("credit-2025-1.csv", AMOUNTS), {"BadCredits"}),
    "another bucket": (lambda world: world.start(bucket="other", key=FILE), {"BadInput"}),
    "a month is held": (a_month_is_held, {"DropHeld", "credits are held"}),
    "a file waits": (
        a_file_waits_for_the_stream,
        {"DropDiffers", "a credits file waits for an hour"},
    ),
    "no message is delivered": (no_message_is_delivered, {"a run failed"}),
}


@pytest.mark.parametrize(("fault", "known"), FAULTS.values(), ids=FAULTS)
def test_every_trouble_with_credits_is_mailed_once_or_rings(
    fault: Fault, known: set[str], stack: Template
) -> None:
    with CreditsWorld(limits=LIMITS) as world:
        fault(world)
        world.run()
        rung = mailed_once(world, Mailing(stack.body))
        mailed = {
            mail.subject.rpartition(", execution")[0] or mail.subject for mail in world.messages
        }
        ringing = Ringing(stack.alarms, [*ours(world.measured)])
        rung |= ringing.names(AUGUST_2, AUGUST_2 + timedelta(hours=6))
        for name in known:
            assert name in rung or any(name in subject for subject in mailed), (rung, mailed)


def test_twelve_calm_files_ring_nothing(stack: Template) -> None:
    with CreditsWorld(limits=LIMITS) as world:
        for month in range(1, 13):
            world.upload(f"credits-2024-{month:02d}.csv", {"054736553085": [f"{month}.00"]})
            world.run()
        assert len(world.cloudzero.posts) == 12
        assert not mailed_once(world, Mailing(stack.body))
        assert not world.messages
        assert not Ringing(stack.alarms, [*ours(world.measured)]).names(AUGUST_2, world.now())
