"""The end of a story: nothing goes wrong any more, people tidy up, and the books are compared."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from typing import Any

from functions.adapters import keys
from functions.domain.ledger.entry import TAKEN_OVER
from functions.domain.month import Month, format_instant
from functions.domain.plan import Plan
from tests.simulation.balance import Balance, entries_of
from tests.simulation.books import BY_HAND, Sold
from tests.simulation.exporter import Exporter
from tests.simulation.operators import Operators
from tests.simulation.promises import Promises
from tests.simulation.reported import amounts
from tests.simulation.terms import FIRST, LAST, MONTHS
from tests.simulation.usage import Totals
from tests.simulation.world import StoryWorld

_HOUR = 3_600.0
_DAY = 24 * _HOUR
_MOST_ROUNDS, _MOST_ENDED = 60, 1_000
_MOST_LEFT = 6  # runs, each of which begins no month after its twelfth hour


class Ending:
    """Brings a story to rest, then says which promises are broken."""

    def __init__(
        self, world: StoryWorld, operators: Operators, exporters: list[Exporter], promises: Promises
    ) -> None:
        self._world, self._operators = world, operators
        self._exporters, self._promises = exporters, promises
        self._balance = Balance(world, operators)
        self._as_of = LAST.start + timedelta(days=8)

    def tidy_up(self) -> None:
        """Stop all faults, repair what is broken, run until all is closed, settle what is left."""
        world = self._world
        world.say("from now on nothing goes wrong")
        world.faults.is_over = True
        world.faults.storage_away = False
        world.receiver.heal()
        self._operators.repair_state()
        for exporter in self._exporters:
            exporter.repair_all()
            exporter.export_to(self._as_of)
        world.timeline.pass_time(_DAY)
        self._run_until_closed(LAST.plus(-1))
        for number in range(4):
            for parked in self._operators.parked():
                if number < 3 and self._operators.restore(*parked):
                    self._run(retry_errors=True, reason="with the earlier configuration")
                    self._operators.put_back()
                elif self._operators.resolve(*parked, wave=number / 6):
                    self._run_to_its_end()
            self._run()
            self._run(retry_errors=True)
        self._last_month()

    def _last_month(self) -> None:
        """Bill one more month, which takes in whatever rounding has left of all others."""
        world = self._world
        self._as_of = LAST.end + timedelta(days=1)
        for exporter in self._exporters:
            exporter.write_last_month()
            exporter.export_to(self._as_of)
        world.timeline.pass_time(max(0.0, (self._as_of - world.now()).total_seconds()) + _DAY)
        self._run_until_closed(LAST)
        held, sent = world.receiver.held, -1
        for _ in range(_MOST_LEFT):
            if sent == len(held):
                break
            sent = len(held)
            self._run()

    def _run_until_closed(self, last: Month) -> None:
        for _ in range(_MOST_ROUNDS):
            self._run()
            if all(self._promises.last.get(plan.key) == str(last) for plan in self._world.plans):
                return

    def _run(self, **given: Any) -> None:
        for plan in self._world.plans:
            at = format_instant(self._as_of)
            self._world.step_functions.start({"plan": plan.key, "as_of": at, **given})
            self._run_to_its_end()

    def _run_to_its_end(self) -> None:
        """Run, and check after every execution: people may still act between two of them."""
        for _ in range(_MOST_ENDED):
            self._world.timeline.run(until=self._promises.has_news)
            if not self._promises.has_news():
                break
            self._promises.after_executions()
        self._world.timeline.pass_time(_HOUR)
        self._promises.after_executions()

    def broken(self) -> Iterator[str]:
        world = self._world
        for execution in world.step_functions.executions:
            if execution.status == "RUNNING":
                yield f"8: {execution.name} has not ended"
        for plan in world.plans:
            if self._promises.last.get(plan.key) != str(LAST):
                yield f"4: {plan.key} has got to {self._promises.last.get(plan.key)}"
            yield from self._of_lines(plan)
            yield from self._balance.broken(plan)
            for back in range(plan.late_window):
                month = str(LAST.plus(-back))
                yield from (
                    f"6: never reported: {text}"
                    for text in self._promises.reported.unreported(plan, month)
                )
            for index in range(MONTHS):
                yield from self._of_report(plan, str(FIRST.plus(index)))
        yield from self._of_receiver()

    def _of_lines(self, plan: Plan) -> Iterator[str]:
        """4: every line is accepted once, waived, settled by hand, or a reported error."""
        counts = self._world.receiver.counts()
        parked = {(key.key, month, name) for key, month, name in self._operators.parked()}
        for month, entry in entries_of(self._world, plan):
            who = (plan.key, month, entry["contract_id"])
            for line in entry.get("lines", ()):
                sold = Sold(plan.key, entry["contract_id"], line["dimension"], month)
                state = line.get("state", "unsure")
                by_hand = counts[sold] == 0 and bool(self._world.receiver.foreign(sold))
                if state == "accepted" and counts[sold] != 1 and not by_hand:
                    yield f"4: {sold} counts as accepted, by {line.get('evidence')}, and is not"
                settled = state in ("accepted", "waived") or who in self._operators.by_hand
                if not settled and who not in parked:
                    yield f"4: {sold} is {state} in the end, and in no list"
                if line.get(
                    "evidence"
                ) == TAKEN_OVER and not self._promises.reported.was_taken_over(month, who[2]):
                    yield f"13: {sold} was taken over and never reported"
            if who in parked and not self._promises.reported.was_named(month, who[2]):
                yield f"4: {who} is parked and was never reported"
            yield from self._of_amounts(plan, month, entry)

    def _of_amounts(self, plan: Plan, month: str, entry: dict[str, Any]) -> Iterator[str]:
        """4: what was billed is what the files said when an execution listed them."""
        lines = {line["dimension"] for line in entry.get("lines", ())}
        for dimension, text in amounts(entry).items():
            known = [entry.get("formulas", {})]
            if dimension not in lines and self._world.has_changed(plan):
                known = [found.dimensions for found in self._world.history[plan.key]]
            if not any(
                totals.amount(entry["contract_id"], dimension, formulas) == Fraction(text)
                for totals in self._world.snapshots_of(plan.key, month)
                for formulas in known
            ):
                yield f"4: {month} {entry['contract_id']} {dimension}: {text} was never the usage"

    def _of_receiver(self) -> Iterator[str]:
        """4: nothing is billed that the ledger does not hold with that very quantity."""
        for held in self._world.receiver.accepted():
            if held.sold.plan == BY_HAND:
                continue
            plan = self._world.plan_of(held.sold.plan)
            entry = self._world.entry(plan, held.sold.month, held.sold.contract) or {}
            lines = {line["dimension"]: line["quantity"] for line in entry.get("lines", ())}
            if lines.get(held.sold.dimension) != held.row["quantity"]:
                yield f"4: {held.row} is not what the ledger holds: {lines}"

    def _of_report(self, plan: Plan, month: str) -> Iterator[str]:
        """7: a month's files = amounts by contract + quarantined + dropped, as reported."""
        key = f"{keys.report(plan, Month.parse(month))}report.json"
        body = self._world.state_bucket.objects.get(key)
        if body is None:
            yield f"7: {month} of {plan.key} has no report"
            return
        report, receiver = json.loads(body), self._world.receiver
        for row in report["rows"]:
            sold = Sold(plan.key, row["contract_id"], row["dimension"], month)
            by_others = receiver.dialect.moves or bool(receiver.foreign(sold))
            if not _row_adds_up(row, by_others=by_others):
                yield f"7: the report of {month} of {plan.key} does not add up: {row}"
        yield from self._of_billed(plan, month, report)
        execution = report["execution"].rpartition(":")[2]
        listed = self._world.snapshots(execution, plan.key, month)
        if not any(_adds_up(report, found) for found in listed):
            yield f"7: the report of {month} of {plan.key} is not what its files said"

    def _of_billed(self, plan: Plan, month: str, report: dict[str, Any]) -> Iterator[str]:
        """7: a report shows as billed what the receiver has accepted, and nothing else."""
        receiver = self._world.receiver
        for row in report["rows"]:
            sold = Sold(plan.key, row["contract_id"], row["dimension"], month)
            ours = [held for held in receiver.accepted() if held.sold == sold]
            found = {held.row["quantity"] for held in ours or receiver.foreign(sold)}
            if not receiver.dialect.moves and row["billed"] not in ("", "0", *found):
                yield f"7: the report of {month} of {plan.key} shows as billed: {row}"


def _row_adds_up(row: dict[str, Any], *, by_others: bool) -> bool:
    """Say whether usage + carried in = due = billed + open + waived + remainder."""
    names = ("usage", "carried_in", "due", "billed", "open", "waived", "remainder")
    usage, carried, due, *parts = (Fraction(row[name] or 0) for name in names)
    billed = row["outcome"] == "accepted" or row["billed"] in ("0", "") or by_others
    return billed and usage + carried == due == sum(parts)


def _adds_up(report: dict[str, Any], totals: Totals) -> bool:
    quarantined: dict[str, Fraction] = defaultdict(Fraction)
    for item in report["quarantined"]:
        quarantined[item["dimension"]] += Fraction(item["quantity"])
    dropped = {name: Fraction(text) for name, text in report["duplicate_quantity"].items()}
    used = {name: Fraction(text) for name, text in report["file_totals"].items()}
    return (
        all(
            total == used.get(name, 0) + quarantined[name] + dropped.get(name, 0)
            for name, total in totals.raw.items()
        )
        and used.keys() <= totals.raw.keys()
    )
