"""Game day: every trouble mails or rings within the hour, and calm months are silent.

Every run that fails is mailed once: by itself, or by the rule of the template that does it instead.

The real functions run the real definition in memory, hour by hour as the schedules start them; what
they measure and how executions end is held against the alarms of the template of prod.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from functions.adapters import keys
from functions.domain.month import Month
from functions.errors import BadInput, CredentialsRefused, PartnerUnreachable, StorageBusy
from infra.environments import POSTGRES
from tests.builders import a_record
from tests.in_memory.machine import StateFailed
from tests.in_memory.metering_world import MeteringWorld
from tests.in_memory.points import Break, Point
from tests.infra.ringing import Happened, Mailing, Ringing, mailed_once, ours
from tests.infra.templates import Template

PLAN = {**POSTGRES, "start_month": "2025-07", "missing_hours": "warn"}
FIRST = datetime(2025, 8, 1, tzinfo=UTC)
JULY = Month(2025, 7)


@pytest.fixture
def stack(assembly: Path) -> Template:
    return Template.of(assembly, "prod", "metering")


@pytest.fixture
def alarms(stack: Template) -> list[dict[str, Any]]:
    return stack.alarms


@pytest.fixture
def mailing(stack: Template) -> Mailing:
    return Mailing(stack.body)


class Night:
    """A world with the schedules of prod, and what rings in it."""

    def __init__(self, world: MeteringWorld) -> None:
        self.world = world
        self.exports = True

    def until(self, last: datetime) -> None:
        """Start a run whenever the schedules do."""
        while (at := self._next()) <= last:
            self.world.timeline.pass_time((at - self.world.now()).total_seconds())
            if self.exports:
                self.world.exported_to(self.world.now())
            self.world.start(plan=self.key)
            self.world.timeline.run()

    def reconcile(self) -> None:
        """Start what the schedule of the 3rd does."""
        at = self.world.now().replace(day=3, hour=9, minute=0)
        self.world.timeline.pass_time((at - self.world.now()).total_seconds())
        self.world.execute(plan=self.key, reconcile="last")

    def _next(self) -> datetime:
        at = self.world.now().replace(minute=30, second=0, microsecond=0)
        while at <= self.world.now() or at.hour not in ((1, 2, 3, 4, 5) if at.day <= 3 else (5,)):
            at += timedelta(hours=1)
        return at

    def rings(self, alarms: list[dict[str, Any]], first: datetime, last: datetime) -> set[str]:
        """Return the alarms that ring, and `mail` if the run has sent one."""
        of_runs = [Happened(first - timedelta(hours=n), "Runs", 1, self.key) for n in range(30)]
        ringing = Ringing(alarms, [*of_runs, *ours(self.world.measured)])
        mails = {"mail"} if any(self.world.messages) else set()
        return ringing.names(first, last) | mails

    @property
    def key(self) -> str:
        """The plan's key."""
        return self.world.plan.key


@pytest.fixture
def night() -> Iterator[Night]:
    with MeteringWorld(PLAN, now=FIRST) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}, "c-2": {"cpu": 1}})
        yield Night(world)


def broken(night: Night, matches: Callable[[Point], bool], raises: Callable[[], None]) -> None:
    def fail(_point: Point, _effect: object, _lost: object) -> None:
        raises()

    def choose(point: Point) -> Break | None:
        return cast("Break", fail) if matches(point) else None

    night.world.points.choose = choose


def raising(error: Exception) -> Callable[[], None]:
    def raises() -> None:
        raise error

    return raises


def one_contract_is_refused(night: Night) -> None:
    night.world.clazar.unknown_contracts.add("c-1")


def credentials_are_refused(night: Night) -> None:
    broken(night, lambda p: p.kind in ("request", "listing"), raising(CredentialsRefused("no")))


def clazar_is_unreachable(night: Night) -> None:
    broken(night, lambda p: p.kind in ("request", "listing"), raising(PartnerUnreachable("no")))


def clazar_throttles(night: Night) -> None:
    night.world.clazar.actions.extend(["busy"] * 500)


def answers_are_lost(night: Night) -> None:
    night.world.clazar.actions.extend(["drop"] * 500)


def a_file_is_unreadable(night: Night) -> None:
    night.world.usage_bucket.edit(f"{prefix(night)}03/04/sub.json", b"[{")


def a_record_has_no_number(night: Night) -> None:
    record = [a_record("c-1", value="many")]
    night.world.usage_bucket.edit(f"{prefix(night)}03/04/sub.json", json.dumps(record).encode())


def usage_has_no_payer(night: Night) -> None:
    record = [a_record(None)]
    night.world.usage_bucket.edit(f"{prefix(night)}03/04/sub.json", json.dumps(record).encode())


def the_marker_is_missing(night: Night) -> None:
    night.exports = False
    del night.world.usage_bucket.objects[keys.EXPORT_MARKER]


def the_marker_is_broken(night: Night) -> None:
    night.exports = False
    night.world.usage_bucket.edit(keys.EXPORT_MARKER, b"{")


def the_export_never_completes(night: Night) -> None:
    night.exports = False
    night.world.exported_to(datetime(2025, 7, 30, tzinfo=UTC))


def hours_are_missing(night: Night) -> None:
    night.world.put_usage("2025-07", "31/23", {"c-1": {"cpu": 1}})
    night.world.configure({**PLAN, "missing_hours": "stop"})


def the_state_file_is_broken(night: Night) -> None:
    night.world.state_bucket.edit("metering_state.json", b"{ by hand")


def a_ledger_entry_is_broken(night: Night) -> None:
    key = keys.ledger_entry(night.world.plan, JULY, "c-1")
    night.world.state_bucket.edit(key, b"{ by hand")


def a_formula_reads_what_never_was(night: Night) -> None:
    night.world.configure({**PLAN, "dimensions": {"cpu": "cpus * 2"}})


def a_formula_has_no_value(night: Night) -> None:
    night.world.configure({**PLAN, "dimensions": {"cpu": "cpu / 0"}})


def no_message_is_delivered(night: Night) -> None:
    one_contract_is_refused(night)
    broken(night, lambda p: p.kind == "message", raising(StateFailed("SNS.InternalError", "no")))


def the_plan_cannot_be_read(night: Night) -> None:
    broken(night, lambda p: p.label == "AcquirePlan", raising(BadInput("plan_id: is not valid")))


def a_function_times_out(night: Night) -> None:
    broken(night, lambda p: p.label == "PlanMonths", raising(StateFailed("States.Timeout", "")))


def storage_throttles(night: Night) -> None:
    broken(night, lambda p: p.label == "PlanMonths", raising(StorageBusy("SlowDown")))


def prefix(night: Night) -> str:
    return keys.usage_prefix(night.world.plan, JULY)


FAULTS: dict[Callable[[Night], None], set[str]] = {
    one_contract_is_refused: {"mail", "contracts are not billed"},
    credentials_are_refused: {"mail", "deadline in 60 minutes"},
    clazar_is_unreachable: {"mail", "deadline in 60 minutes"},
    clazar_throttles: {"mail", "deadline in 60 minutes"},
    answers_are_lost: {"mail", "contracts are not billed"},
    a_file_is_unreadable: {"mail", "deadline in 60 minutes"},
    a_record_has_no_number: {"mail", "deadline in 60 minutes"},
    usage_has_no_payer: {"mail", "usage without a payer"},
    the_marker_is_missing: {"mail", "deadline in 60 minutes"},
    the_marker_is_broken: {"mail", "deadline in 60 minutes"},
    the_export_never_completes: {"deadline in 60 minutes"},
    hours_are_missing: {"mail", "deadline in 60 minutes"},
    the_state_file_is_broken: {"mail", "deadline in 60 minutes"},
    a_ledger_entry_is_broken: {"mail", "deadline in 60 minutes"},
    a_formula_reads_what_never_was: {"mail", "deadline in 60 minutes"},
    a_formula_has_no_value: {"mail", "contracts are not billed"},
    no_message_is_delivered: {"a run failed", "contracts are not billed"},
    the_plan_cannot_be_read: {"mail", "deadline in 60 minutes"},
    a_function_times_out: {"mail", "deadline in 60 minutes"},
    storage_throttles: {"mail", "deadline in 60 minutes"},
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_every_trouble_is_known_within_the_hour(
    fault: Callable[[Night], None], night: Night, alarms: list[dict[str, Any]], mailing: Mailing
) -> None:
    fault(night)
    night.until(FIRST.replace(hour=4, minute=45))
    mailed = mailed_once(night.world, mailing)
    assert FAULTS[fault] <= night.rings(alarms, FIRST, FIRST.replace(hour=6)) | mailed


def test_a_schedule_that_starts_nothing_rings_before_the_deadline_and_after_26_hours(
    night: Night, alarms: list[dict[str, Any]]
) -> None:
    before = FIRST.replace(hour=5)
    assert night.rings(alarms, FIRST, before) == {"deadline in 60 minutes"}
    later = night.rings(alarms, FIRST, FIRST + timedelta(hours=27))
    assert later == {"deadline in 60 minutes", "no run for 26 hours"}


def test_a_run_that_is_stopped_rings(night: Night, mailing: Mailing) -> None:
    night.world.step_functions.abort(night.world.start(plan=night.key))
    assert mailed_once(night.world, mailing) == {"a run failed"}


def test_a_rehearsal_that_fails_rings(night: Night, mailing: Mailing) -> None:
    a_file_is_unreadable(night)
    night.world.pass_days(1)
    assert night.world.execute(plan=night.key, dry_run=True).status == "FAILED"
    assert not night.world.messages
    assert mailed_once(night.world, mailing) == {"a run failed"}


def test_usage_that_changes_after_billing_rings(night: Night, alarms: list[dict[str, Any]]) -> None:
    night.until(FIRST.replace(hour=2))
    night.world.put_usage("2025-07", "09/00", {"c-1": {"cpu": 5}}, file="late.json")
    night.until(FIRST.replace(hour=3))
    rung = night.rings(alarms, FIRST, FIRST.replace(hour=4))
    assert {"mail", "usage changed after billing"} <= rung


def test_a_record_that_is_not_the_ledgers_rings_on_the_third(
    night: Night, alarms: list[dict[str, Any]]
) -> None:
    night.until(FIRST.replace(hour=2))
    night.world.clazar.accepted[0]["quantity"] = "400"
    third = FIRST.replace(day=3, hour=9)
    night.until(third)
    night.reconcile()
    assert {"mail", "ledger and records differ"} <= night.rings(
        alarms, third - timedelta(hours=1), third + timedelta(hours=1)
    )


def test_twelve_calm_months_ring_nothing(alarms: list[dict[str, Any]]) -> None:
    months = [JULY.plus(number) for number in range(12)]
    with MeteringWorld({**PLAN, "late_window": 0}, now=FIRST) as world:
        calm = Night(world)
        for month in months:
            world.put_usage(str(month), None, {"c-1": {"cpu": 1}})
            calm.until(month.end + timedelta(days=3))
            calm.reconcile()
        assert calm.rings(alarms, FIRST, months[-1].end) == set()
        assert len(world.clazar.accepted) == 12
