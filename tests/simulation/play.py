"""Plays one seed's story from its first month to its end."""

from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import NamedTuple

from functions.domain.month import Month
from tests.simulation.dialect import canonical
from tests.simulation.ending import Ending
from tests.simulation.exporter import Exporter
from tests.simulation.operators import Operators
from tests.simulation.past import Past
from tests.simulation.promises import Broken, Promises
from tests.simulation.terms import FIRST, MONTHS, draw
from tests.simulation.world import StoryWorld

_RUNS_ARE_KEPT = timedelta(days=90)


class Result(NamedTuple):
    seed: int
    broken: tuple[str, ...]
    log: tuple[str, ...]
    months: int
    executions: int
    faults: int
    acts: int

    def __str__(self) -> str:
        end = ("breaks:", *self.broken) if self.broken else ("keeps every promise",)
        return "\n".join((f"seed {self.seed}", *self.log, f"seed {self.seed} {end[0]}", *end[1:]))


class Story:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        rng = Random(seed)  # noqa: S311  # a story, not a secret
        terms = draw(rng)
        self.world = StoryWorld(rng, terms)
        self._rng, self._terms = rng, terms
        self._exporters = [Exporter(self.world, plan) for plan in self.world.plans]
        if terms.is_equal:
            self._exporters[0].mirror = self._exporters[1]
            self._exporters[1].is_mirrored = True
        self._operators = Operators(self.world, self._exporters)
        self._past = Past(self.world, self._operators)
        self.world.faults.stopped = self._operators.settle_while_stopped
        self._promises = Promises(self.world, self._operators)
        self._ending = Ending(self.world, self._operators, self._exporters, self._promises)

    def play(self) -> Result:
        world = self.world
        world.say(str(self._terms))
        for plan in self._terms.plans:
            world.say(f"{plan} {self._terms.contracts[plan['plan_id']]}")
        with world:
            try:
                for index in range(MONTHS + 1):
                    self._month(index)
                self._ending.tidy_up()
                broken = tuple(self._ending.broken())
            except (Broken, AssertionError) as error:
                broken = (str(error),)
        months = MONTHS * len(world.plans)
        executions = len(world.step_functions.executions)
        faults = world.faults.count + world.receiver.faults
        acts = self._operators.acts
        return Result(self.seed, broken, tuple(world.log), months, executions, faults, acts)

    def _month(self, index: int) -> None:
        month, world = FIRST.plus(index), self.world
        self._tidy_runs()
        if index < MONTHS:
            for exporter in self._exporters:
                exporter.schedule(index)
        self._schedule_starts(month)
        self._schedule_people(month, index)
        if index < MONTHS:
            self._past.schedule(month)
        end = month.end if index < MONTHS else month.start + timedelta(days=7)
        while world.now() < end:
            world.timeline.run(until=self._has_news, deadline=end)
            if not self._has_news():
                world.timeline.pass_time((end - world.now()).total_seconds())
            self._promises.after_executions()

    def _has_news(self) -> bool:
        return self._promises.has_news()

    def _schedule_starts(self, month: Month) -> None:
        """The schedule of the first three days, of which a few hours are enough."""
        for plan in self.world.plans:
            hours = self._rng.sample(range(72), self._rng.randint(1, 3))
            start = partial(self.world.start_if_free, {"plan": plan.key})
            for hour in sorted(hours):
                due = month.start + timedelta(hours=hour, minutes=15)
                self.world.timeline.at(due, start)
                if self._rng.random() < 0.1:  # started twice
                    self.world.timeline.at(due + timedelta(seconds=1), start)

    def _schedule_people(self, month: Month, index: int) -> None:
        rng, rates, timeline = self._rng, self._terms.rates, self.world.timeline
        for _ in range(_how_many(rng, rates.operators)):
            timeline.at(self._moment(month), self._operators.act)
        for _ in range(_how_many(rng, rates.files)):
            exporter = rng.choice(self._exporters)
            last = month if index < MONTHS else month.plus(-1)
            timeline.at(self._moment(month), partial(exporter.change_something, last))
        if rng.random() < rates.outages:
            self._schedule_outage(month)
        if rng.random() < rates.partner:
            timeline.at(self._moment(month), self._trouble)
        for plan in self.world.plans:
            if rng.random() < rates.changes:
                timeline.at(self._moment(month), partial(self._operators.reconfigure, plan.key))

    def _moment(self, month: Month) -> datetime:
        """Return some time in a month, as a rule in its first days, when things happen."""
        hours = 80 if self._rng.random() < 0.7 else month.hours
        return month.start + timedelta(hours=self._rng.uniform(0, hours))

    def _schedule_outage(self, month: Month) -> None:
        rng, world = self._rng, self.world
        what = rng.choice(("unreachable", "credentials", "storage", "busy"))
        begins = self._moment(month)
        ends = begins + timedelta(hours=rng.choice((0.1, 1, 5, 40)))

        def begin() -> None:
            world.say(f"! {what} from now on")
            world.faults.storage_away = what == "storage"
            world.receiver.away = "" if what == "storage" else what

        def end() -> None:
            world.say("! the outage is over")
            world.faults.storage_away, world.receiver.away = False, ""

        world.timeline.at(begins, begin)
        world.timeline.at(ends, end)

    def _trouble(self) -> None:
        """A contract is not known or served, or a dimension not registered, for some days."""
        rng, receiver = self._rng, self.world.receiver
        found = {canonical(name) for names in self._terms.contracts.values() for name in names}
        names = sorted(found)
        contract, dimension = rng.choice(names), rng.choice(self._terms.dimensions)
        days = rng.uniform(0.1, 40) * 86_400
        what = rng.random()
        if what < 0.3:
            status = rng.choice((403, 503))
            self.world.say(f"! {contract} is answered with {status}")
            receiver.unserved[contract] = status
            self.world.timeline.after(days, lambda: receiver.serve(contract))
        elif what < 0.65:
            self.world.say(f"! {contract} is not known")
            receiver.unknown_contracts.add(contract)
            self.world.timeline.after(days, lambda: receiver.unknown_contracts.discard(contract))
        else:
            self.world.say(f"! {dimension} of {contract} is not registered")
            receiver.unregistered.add((contract, dimension))
            pair = (contract, dimension)
            self.world.timeline.after(days, lambda: receiver.unregistered.discard(pair))

    def _tidy_runs(self) -> None:
        """Let the bucket's lifecycle rules do their work."""
        old = self.world.now() - _RUNS_ARE_KEPT
        world = self.world
        gone = {
            execution.name
            for execution in world.step_functions.executions
            if execution.status != "RUNNING" and execution.start_time < old.isoformat()
        }
        found = [
            key
            for key in world.state_bucket.objects
            if key.startswith(("runs/", "previews/")) and gone & set(key.split("/"))
        ]
        world.state_bucket.remove(found)


def _how_many(rng: Random, rate: float) -> int:
    """Return a number whose mean is about the rate."""
    return sum(rng.random() < rate / 4 for _ in range(4)) if rate else 0


def play(seed: int) -> Result:
    return Story(seed).play()
