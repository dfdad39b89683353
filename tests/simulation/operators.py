"""Two people who look after the plans: they edit, start, decide, and now and then break things."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from functions.adapters import keys
from functions.domain.ledger.failures import CONFIGURATION_CHANGED
from functions.domain.month import Month, format_instant
from functions.domain.plan import Plan
from tests.in_memory.machine import Execution
from tests.simulation.changes import changed
from tests.simulation.exporter import Exporter
from tests.simulation.terms import FIRST
from tests.simulation.truth import Truth
from tests.simulation.world import StoryWorld

Parked = tuple[Plan, str, str]
_GARBAGE = (b"{", b"[]", b"\xff")
_GARBAGE_OF_A_PLAN = (b'{"S:E:P1": 5}', b'{"S:E:P1": {"success_contracts": []}}')


class Operators:
    """What they know of the receiver is true; what else they do may be pointless."""

    def __init__(self, world: StoryWorld, exporters: list[Exporter]) -> None:
        self._world, self._rng, self._exporters = world, world.rng, exporters
        self.excused: set[tuple[str, str, str]] = set()
        self.by_hand: set[tuple[str, str, str]] = set()
        self.truth = Truth(world)
        self.settled_at: dict[tuple[str, str, str], datetime] = {}
        self._kept: bytes | None = None
        self._put_back: Plan | None = None
        self.acts = 0

    def act(self) -> None:
        self.acts += 1
        acts: list[Callable[[], None]] = [
            self.remove_error,
            self.move_to_success,
            self.retry_errors,
            self.ask_for_months,
            self.final_usage,
            self.resolve_one,
            self.resolve_one,
            self.dry_run,
            self.break_state,
            self.delete_state,
        ]
        self._rng.choices(acts, (6, 2, 4, 4, 5, 4, 4, 3, 0.7, 0.4))[0]()

    def _who(self) -> str:
        return self._rng.choice(("Ann", "Bob"))

    def _plan(self) -> Plan:
        return self._rng.choice(self._world.plans)

    def parked(self) -> list[Parked]:
        """Return what is in `error_contracts`, in order."""
        document = self._world.document() or {}
        return [
            (plan, month, item["contract_id"])
            for plan in self._world.plans
            for month, items in document.get(plan.key, {}).get("error_contracts", {}).items()
            for item in items
        ]

    def remove_error(self) -> None:
        """Remove an entry from `error_contracts`."""
        if parked := self.parked():
            plan, month, contract = self._rng.choice(parked)
            self._world.say(f"{self._who()} removes the error of {plan.key} {month} {contract}")
            self.excused.add((plan.key, month, contract))
            self._world.reopen(month, contract, plan)

    def move_to_success(self) -> None:
        """Settle a contract by hand."""
        if not (parked := self.parked()):
            return
        plan, month, contract = self._rng.choice(parked)
        self._world.say(f"{self._who()} settles {plan.key} {month} {contract} by hand")
        self._list_as_success(plan, month, contract)

    def _list_as_success(self, plan: Plan, month: str, contract: str) -> None:
        self.by_hand.add((plan.key, month, contract))

        def change(entry: dict[str, Any]) -> None:
            errors = entry.get("error_contracts", {})
            if month in errors:
                errors[month] = [item for item in errors[month] if item["contract_id"] != contract]
            entry.setdefault("success_contracts", {}).setdefault(month, []).append(contract)

        self._world.edit_state(change, plan)

    def settle_while_stopped(self, execution: Execution) -> None:
        """Settle a contract by hand that a stopped execution may still have to send."""
        listed = self._world.months_listed(execution)
        document = self._world.document()
        if execution.status == "RUNNING" or not listed or document is None:
            return
        key, month = listed[-1]
        plan = self._world.plan_of(key)
        of = document.get(key, {}).get("success_contracts", {}).get(month, [])
        names = sorted(self._world.terms.contracts[plan.plan_id].keys() - set(of))
        if names:
            contract = self._rng.choice(names)
            self._world.say(f"{self._who()} settles {key} {month} {contract} while it is stopped")
            self._list_as_success(plan, month, contract)
            self.settled_at[key, month, contract] = self._world.now()

    def reconfigure(self, key: str) -> None:
        """Deploy another configuration, and often see at once what becomes of old errors."""
        self.acts += 1
        plan, world = self._world.plan_of(key), self._world
        world.deploy(changed(self._rng, plan, world.terms.dimensions))
        if self._rng.random() < 0.6:
            given = {"plan": key, "retry_errors": True, "reason": "with the new configuration"}
            delay = self._rng.uniform(60, 86_400)
            world.timeline.after(delay, lambda: world.start_if_free(given))

    def restore(self, plan: Plan, month: str, contract: str) -> bool:
        """Deploy the configuration again that a contract's month was begun with, if it matters."""
        entry = self._world.entry(plan, month, contract) or {}
        if entry.get("failure", {}).get("code") != CONFIGURATION_CHANGED:
            return False
        fixed = [
            line["dimension"] for line in entry["lines"] if line.get("state", "unsure") != "unsure"
        ]
        then = entry.get("formulas", {})
        for known in reversed(self._world.history[plan.key]):
            same = all(known.dimensions.get(name) == then.get(name) for name in fixed)
            if same and known.cloud == entry["cloud"] and self._rng.random() < 0.6:
                self._put_back = plan
                self._world.deploy(known)
                return True
        return False

    def put_back(self) -> None:
        """Deploy the configuration that was there before a contract was settled."""
        if self._put_back:
            self._world.deploy(self._put_back)

    def _start(self, plan: Plan, given: dict[str, Any]) -> None:
        self._world.start_if_free({"plan": plan.key, **given})

    def retry_errors(self) -> None:
        self._start(self._plan(), {"retry_errors": True, "reason": f"{self._who()} tries again"})

    def ask_for_months(self) -> None:
        """Ask for months, contracts or an earlier time."""
        plan = self._plan()
        self._start(plan, self._some_input(plan))

    def _some_input(self, plan: Plan) -> dict[str, Any]:
        rng, world = self._rng, self._world
        last = Month.of(world.now())
        past = [str(FIRST.plus(back)) for back in range(24) if FIRST.plus(back) <= last]
        given: dict[str, Any] = {}
        if rng.random() < 0.5:
            given["months"] = rng.sample(past, min(len(past), rng.randint(1, 2)))
        if rng.random() < 0.4:
            names = sorted(world.terms.contracts[plan.plan_id])
            given["contracts"] = rng.sample(names, rng.randint(1, 2))
        if rng.random() < 0.2:
            given["max_months"] = rng.randint(1, 3)
        if rng.random() < 0.2:
            given["as_of"] = format_instant(world.now() - timedelta(days=rng.randint(0, 70)))
        if rng.random() < 0.3:
            given["retry_errors"] = True
        return given

    def final_usage(self) -> None:
        """Bill the running month of a contract that was cancelled."""
        plan, rng, now = self._plan(), self._rng, self._world.now()
        until = now - timedelta(hours=rng.randint(0, 120), minutes=now.minute, seconds=now.second)
        until = until.replace(microsecond=0)
        names = sorted(self._world.terms.contracts[plan.plan_id])
        asked = rng.sample(names, rng.choice((1, 1, 2)))
        self._start(plan, {"contracts": asked, "until": format_instant(until)})

    def dry_run(self) -> None:
        plan = self._plan()
        self._start(plan, {**self._some_input(plan), "dry_run": True})

    def resolve_one(self) -> None:
        """Decide about a contract that is parked, as it truly is at the receiver."""
        if parked := self.parked():
            self.resolve(*self._rng.choice(parked))

    def resolve(self, plan: Plan, month: str, contract: str, *, wave: float = 0.15) -> bool:
        """Decide, if what happened can be known by now."""
        world = self._world
        busy = any(found.status == "RUNNING" for found in world.step_functions.executions)
        outcome = None if busy else self.truth.of(plan, month, contract)
        if outcome is None:
            return False
        if self._rng.random() < wave:
            outcome = "waived"
        if outcome == "not_accepted":
            self.excused.add((plan.key, month, contract))
        decision = {"contract": contract, "month": month, "outcome": outcome}
        world.decision = world.step_functions.start(
            {"plan": plan.key, "resolve": {**decision, "reason": f"{self._who()} has looked"}}
        )
        return True

    def break_state(self) -> None:
        """Leave the state file unreadable, until somebody puts it right."""
        objects, name = self._world.state_bucket.objects, self._world.plan.state_file
        if name not in objects or self._kept is not None:
            return
        # With two plans a file that one of them can read would be written on by it.
        alone = len(self._world.plans) == 1
        garbage = _GARBAGE + (_GARBAGE_OF_A_PLAN if alone else ())
        self._kept, objects[name] = objects[name], self._rng.choice(garbage)
        self._world.state_is_broken = True
        self._world.say(f"{self._who()} breaks the state file: {objects[name]!r}")
        self._world.timeline.after(self._rng.uniform(600, 4 * 86_400), self.repair_state)

    def repair_state(self) -> None:
        """Put back the version that was there before."""
        if self._kept is not None:
            self._world.say("the state file is repaired")
            self._world.state_bucket.objects[self._world.plan.state_file] = self._kept
            self._kept, self._world.state_is_broken = None, False

    def _is_kept(self, plan: str, month: str, contract: str) -> bool:
        """Say whether a decision outlives the state file: in the ledger, or in a closed month."""
        of = self._world.plan_of(plan)
        if entry := self._world.entry(of, month, contract):
            return entry.get("failure") is None
        journal = json.loads(self._world.state_bucket.objects.get(keys.journal(of), b"{}"))
        return month <= (journal.get("last_closed_month") or "")

    def delete_state(self) -> None:
        """Lose the state file. Ledger and journal stay."""
        document = self._world.document()
        if self._kept is not None or not document:
            return
        self._world.say(f"{self._who()} deletes the state file")
        for plan in self._world.plans:
            for name in ("success_contracts", "error_contracts"):
                for month, items in document.get(plan.key, {}).get(name, {}).items():
                    found = [
                        item if isinstance(item, str) else item["contract_id"] for item in items
                    ]
                    self.excused |= {(plan.key, month, contract) for contract in found}
        # A decision that no run has seen is lost with the file.
        self.by_hand = {who for who in self.by_hand if self._is_kept(*who)}
        self.truth.accounted.clear()
        self.settled_at.clear()
        self._world.state_bucket.remove([self._world.plan.state_file])
