"""Game day: every trouble mails or rings within the hour, and calm months are silent.

Every run that fails is mailed once: by itself, or by the rule of the template that does it instead.

The real functions run the real definition in memory, hour by hour as the schedules start them; what
they measure and how executions end is held against the alarms of the template of prod.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.adapters import keys
from functions.domain.month import Month
from functions.domain.plan import parse_plan
from functions.errors import BadInput, CredentialsRefused, PartnerUnreachable, StorageBusy
from infra.environments import POSTGRES
from tests.builders import a_record
from tests.in_memory.interruptions import Where, fails, tells
from tests.in_memory.machine import StateFailed
from tests.in_memory.metering_world import MeteringWorld
from tests.infra.ringing import Happened, Mailing, Ringing, mailed_once, ours
from tests.infra.templates import Template

PLAN = {**POSTGRES, "start_month": "2025-07", "missing_hours": "warn"}
FIRST = datetime(2025, 8, 1, tzinfo=UTC)
JULY = Month(2025, 7)


@pytest.fixture
def stack(assembly: Path) -> Template:
    return Template.of(assembly, "prod", "metering")


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

    def rings(self, stack: Template, first: datetime, last: datetime) -> set[str]:
        """Return the alarms that ring, and `mail` if the run has sent one."""
        of_runs = [Happened(first - timedelta(hours=n), "Runs", 1, self.key) for n in range(30)]
        ringing = Ringing(stack.alarms, [*of_runs, *ours(self.world.measured)])
        mails = {"mail"} if any(self.world.messages) else set()
        return ringing.names(first, last) | mails

    @property
    def key(self) -> str:
        return self.world.plan.key


@pytest.fixture
def night() -> Iterator[Night]:
    with MeteringWorld(PLAN, now=FIRST) as world:
        world.put_usage("2025-07", "01/00", {"c-1": {"cpu": 4}, "c-2": {"cpu": 1}})
        yield Night(world)


def broken(night: Night, where: Where, error: Exception) -> None:
    night.world.points.choose = fails(where, error)


def clazar_fails(night: Night, error: Exception) -> None:
    broken(night, lambda p: p.kind in ("request", "listing"), error)


def a_state_fails(night: Night, state: str, error: Exception) -> None:
    broken(night, lambda p: p.label == state, error)


def no_message_is_delivered(night: Night) -> None:
    one_contract_is_refused(night)
    broken(night, tells(), StateFailed("SNS.InternalError", "no"))


def one_contract_is_refused(night: Night) -> None:
    night.world.clazar.unknown_contracts.add("c-1")


def a_file_holds(night: Night, body: bytes) -> None:
    prefix = keys.usage_prefix(night.world.plan, JULY)
    night.world.usage_bucket.edit(f"{prefix}03/04/sub.json", body)


def records(payer: str | None, **fields: Any) -> bytes:
    return json.dumps([a_record(payer, **fields)]).encode()


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


def state_is_broken(night: Night, key: str) -> None:
    night.world.state_bucket.edit(key, b"{ by hand")


def a_formula_is(night: Night, text: str) -> None:
    night.world.configure({**PLAN, "dimensions": {"cpu": text}})


Fault = Callable[[Night], object]
ENTRY = keys.ledger_entry(parse_plan(PLAN), JULY, "c-1")
NOT_CLOSED: dict[str, Fault] = {
    "credentials are refused": lambda n: clazar_fails(n, CredentialsRefused("no")),
    "Clazar is unreachable": lambda n: clazar_fails(n, PartnerUnreachable("no")),
    "Clazar throttles": lambda n: n.world.clazar.actions.extend(["busy"] * 500),
    "a file is unreadable": lambda n: a_file_holds(n, b"[{"),
    "a record has no number": lambda n: a_file_holds(n, records("c-1", value="many")),
    "the marker is missing": the_marker_is_missing,
    "the marker is broken": the_marker_is_broken,
    "hours are missing": hours_are_missing,
    "the state file is broken": lambda n: state_is_broken(n, "metering_state.json"),
    "a ledger entry is broken": lambda n: state_is_broken(n, ENTRY),
    "a formula reads what never was": lambda n: a_formula_is(n, "cpus * 2"),
    "the plan cannot be read": lambda n: a_state_fails(n, "AcquirePlan", BadInput("plan_id")),
    "a function times out": lambda n: a_state_fails(
        n, "PlanMonths", StateFailed("States.Timeout", "")
    ),
    "storage throttles": lambda n: a_state_fails(n, "PlanMonths", StorageBusy("SlowDown")),
}
OPEN = "contracts are not billed"
FAULTS: dict[str, tuple[Fault, set[str]]] = {
    **{name: (fault, {"mail", "deadline in 60 minutes"}) for name, fault in NOT_CLOSED.items()},
    "one contract is refused": (one_contract_is_refused, {"mail", OPEN}),
    "answers are lost": (lambda n: n.world.clazar.actions.extend(["drop"] * 500), {"mail", OPEN}),
    "usage has no payer": (
        lambda n: a_file_holds(n, records(None)),
        {"mail", "usage without a payer"},
    ),
    "the export never completes": (the_export_never_completes, {"deadline in 60 minutes"}),
    "a formula has no value": (lambda n: a_formula_is(n, "cpu / 0"), {"mail", OPEN}),
    "no message is delivered": (no_message_is_delivered, {"a run failed", OPEN}),
}


@pytest.mark.parametrize(("fault", "known"), FAULTS.values(), ids=FAULTS)
def test_every_trouble_is_known_within_the_hour(
    fault: Fault, known: set[str], night: Night, stack: Template, mailing: Mailing
) -> None:
    fault(night)
    night.until(FIRST.replace(hour=4, minute=45))
    mailed = mailed_once(night.world, mailing)
    assert known <= night.rings(stack, FIRST, FIRST.replace(hour=6)) | mailed


def test_a_schedule_that_starts_nothing_rings_before_the_deadline_and_after_26_hours(
    night: Night, stack: Template
) -> None:
    assert night.rings(stack, FIRST, FIRST.replace(hour=5)) == {"deadline in 60 minutes"}
    later = night.rings(stack, FIRST, FIRST + timedelta(hours=27))
    assert later == {"deadline in 60 minutes", "no run for 26 hours"}


def test_a_run_that_is_stopped_rings(night: Night, mailing: Mailing) -> None:
    night.world.step_functions.abort(night.world.start(plan=night.key))
    assert mailed_once(night.world, mailing) == {"a run failed"}


def test_a_rehearsal_that_fails_rings(night: Night, mailing: Mailing) -> None:
    a_file_holds(night, b"[{")
    night.world.pass_days(1)
    assert night.world.execute(plan=night.key, dry_run=True).status == "FAILED"
    assert not night.world.messages
    assert mailed_once(night.world, mailing) == {"a run failed"}


def test_usage_that_changes_after_billing_rings(night: Night, stack: Template) -> None:
    night.until(FIRST.replace(hour=2))
    night.world.put_usage("2025-07", "09/00", {"c-1": {"cpu": 5}}, file="late.json")
    night.until(FIRST.replace(hour=3))
    rung = night.rings(stack, FIRST, FIRST.replace(hour=4))
    assert {"mail", "usage changed after billing"} <= rung


def test_a_record_that_is_not_the_ledgers_rings_on_the_third(night: Night, stack: Template) -> None:
    night.until(FIRST.replace(hour=2))
    night.world.clazar.accepted[0]["quantity"] = "400"
    third = FIRST.replace(day=3, hour=9)
    night.until(third)
    night.reconcile()
    assert {"mail", "ledger and records differ"} <= night.rings(
        stack, third - timedelta(hours=1), third + timedelta(hours=1)
    )


def test_twelve_calm_months_ring_nothing(stack: Template) -> None:
    months = [JULY.plus(number) for number in range(12)]
    with MeteringWorld({**PLAN, "late_window": 0}, now=FIRST) as world:
        calm = Night(world)
        for month in months:
            world.put_usage(str(month), None, {"c-1": {"cpu": 1}})
            calm.until(month.end + timedelta(days=3))
            calm.reconcile()
        assert calm.rings(stack, FIRST, months[-1].end) == set()
        assert len(world.clazar.accepted) == 12
