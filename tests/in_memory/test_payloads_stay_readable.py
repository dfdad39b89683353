"""What crosses the arrows of executions that run while a release is deployed stays readable.

The files in `payloads/` hold an input of each state as recorded. `PAYLOADS=write` renews them: then
an execution that began before the deployment may fail, so none may run while it is made.
"""

import importlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from functions.credits.payloads import ReportTask
from functions.domain.conversion import parse
from functions.metering.payloads import Finish
from infra import credits_tasks, metering_tasks
from infra.tasks import snake_case
from tests.in_memory import lambdas
from tests.in_memory.by_hand import decide
from tests.in_memory.credits_world import CreditsWorld
from tests.in_memory.metering_world import WARNS, MeteringWorld

FOLDER = Path(__file__).with_name("payloads")
TASKS: Mapping[str, Mapping[str, object]] = {
    "metering": metering_tasks.TASKS,
    "credits": credits_tasks.TASKS,
}
# They read whatever there is, and then one of these.
ENDS: Mapping[str, type] = {"SummarizeRun": Finish, "ReportCredits": ReportTask}


def metering() -> None:
    with MeteringWorld(WARNS, july={name: {"cpu": 4} for name in ("c-1", "c-2")}) as world:
        world.execute(dry_run=True)
        world.execute_refusing("c-1")
        decide(world, "waived")
        world.put_usage("2025-07", "02/00", {"c-2": {"cpu": 1}})
        world.put_usage("2025-08", "01/00", {"c-3": {"cpu": 1}})
        world.pass_days(2)
        world.execute()
        world.execute(reconcile="2025-07")
        world.clazar.actions.extend(["busy"] * 50)
        world.pass_days(30)
        world.execute()


def credits_pipeline() -> None:
    with CreditsWorld() as world:
        world.upload("credits-2025-01.csv", {"054736553085": ["1.00"]})
        world.run()


STORIES: Mapping[str, Callable[[], None]] = {"metering": metering, "credits": credits_pipeline}


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The first input of each state of what runs meanwhile."""
    found: dict[str, Any] = {}
    real = lambdas.handler_of

    def recording(pipeline: str, state: str) -> lambdas.Handler:
        def handler(payload: Any, context: object) -> Any:
            found.setdefault(state, payload)
            return real(pipeline, state)(payload, context)

        return handler

    monkeypatch.setattr(lambdas, "handler_of", recording)
    return found


@pytest.mark.parametrize("pipeline", STORIES)
def test_what_an_earlier_release_has_passed_on_can_be_read(
    pipeline: str, recorded: dict[str, Any]
) -> None:
    path = FOLDER / f"{pipeline}.json"
    if os.environ.get("PAYLOADS") == "write":
        STORIES[pipeline]()
        FOLDER.mkdir(exist_ok=True)
        lines = (f"{json.dumps(name)}: {json.dumps(recorded[name])}" for name in sorted(recorded))
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    payloads = json.loads(path.read_text(encoding="utf-8"))
    assert payloads.keys() == TASKS[pipeline].keys()
    for state, payload in payloads.items():
        handler = importlib.import_module(f"functions.{pipeline}.{snake_case(state)}").handler
        kind = ENDS.get(state) or next(iter(get_type_hints(handler).values()))
        assert parse(payload, kind)
