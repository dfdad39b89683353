"""One pipeline in memory: its definition, its Lambdas, a clock, and what its operators get."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cache, lru_cache
from types import ModuleType
from typing import Any, NamedTuple

from aws_lambda_powertools import Logger

from functions.adapters import clock, leases
from functions.domain import envelope, formula
from functions.domain.ledger import coverage, listing_pages, reading
from functions.domain.months import state_file
from functions.domain.wording import mistyped
from functions.metrics import Metric
from infra import definitions
from tests.in_memory.lambdas import Lambdas
from tests.in_memory.machine import Execution, Machine, Path, StateFailed, as_listed
from tests.in_memory.outside import RecordedBucket, Replaced, replaced
from tests.in_memory.points import Died, Points
from tests.in_memory.rights import DeployedBucket
from tests.in_memory.timeline import StepFunctions, Timeline
from tests.memory import MemoryObjects


class Message(NamedTuple):
    """What a topic was sent, and by which execution."""

    execution: str
    subject: str
    text: str


definition_of = cache(definitions.load)


@cache
def _mistyped(names: tuple[str, ...], known: tuple[str, ...]) -> str:
    return mistyped(names, known)


def _remembered(module: ModuleType, name: str) -> Replaced:
    return module, {name: lru_cache(maxsize=10_000)(getattr(module, name))}


# Pure functions of texts, which the long tests ask the same ones a million times.
_REMEMBERED: tuple[Replaced, ...] = (
    *(_remembered(module, "names_in") for module in (formula, coverage)),
    *(_remembered(module, "plain") for module in (envelope, listing_pages, reading)),
    (state_file, {"mistyped": lambda names, known: _mistyped(tuple(names), tuple(known))}),
)


class Measured(NamedTuple):
    at: datetime
    name: str
    value: float
    plan: str


class Account:
    """What both worlds are made of. Use as a context manager: inside, the outside is this one."""

    def __init__(
        self, pipeline: str, now: datetime, order: Callable[[Path, int], Sequence[int]] = as_listed
    ) -> None:
        self._pipeline = pipeline
        self.timeline, self.points = Timeline(now), Points()
        self.messages: list[Message] = []
        self.measured: list[Measured] = []
        self.buckets: dict[str, MemoryObjects] = {}
        self._lambdas = Lambdas(pipeline, self.points, self.now)
        machine = Machine(definition_of(pipeline), self, order)
        self.step_functions = StepFunctions(machine, self.timeline)
        self._replaced: AbstractContextManager[None] | None = None

    def now(self) -> datetime:
        return self.timeline.now

    def bucket(self, name: str, placeholder: str = "") -> RecordedBucket:
        """Make a bucket; the definition calls it by its placeholder."""
        made = DeployedBucket(self._pipeline, name, self.points, self.state_files)
        self.buckets[placeholder or name] = made
        return made

    def state_files(self) -> list[str]:
        """Return the paths of the plans' state files, which rights name."""
        return []

    def enter(self, *others: Replaced) -> None:
        """Replace the outside by this one."""
        self._replaced = replaced(
            (clock, {"now": self.now}),
            (leases, {"is_running": self.step_functions.is_running}),
            (Metric, {"add": self._measure}),
            (Logger, {"info": lambda *_args, **_named: None}),  # the log is off, asking is not free
            *_REMEMBERED,
            *others,
        )
        self._replaced.__enter__()

    @property
    def _measure(self) -> Callable[..., None]:
        """What stands in for a metric's `add`: keeps the value instead of printing it."""

        def add(metric: Metric, value: float, plan: str = "") -> None:
            self.measured.append(Measured(self.now(), metric.name, value, plan))

        return add

    def leave(self) -> None:
        if self._replaced:
            self._replaced.__exit__(None, None, None)

    def invoke(self, execution: Execution, state: str, payload: Any) -> Any:
        return self._lambdas.invoke(execution, state, payload)

    def publish(self, execution: Execution, state: str, message: Mapping[str, Any]) -> None:
        def effect() -> None:
            subject, text = message["Subject"], message["Message"]
            self.messages.append(Message(execution.name, subject, text))

        def lost() -> None:
            raise StateFailed("SNS.InternalError", "no answer")

        try:
            self.points.at("message", state, effect, lost)
        except Died as died:  # no function of ours: Step Functions sees an error
            raise StateFailed(died.error) from None

    def read(self, bucket: str, key: str) -> bytes | None:
        """Return an object that holds the items of a map."""
        return self.buckets[bucket].objects.get(key)
