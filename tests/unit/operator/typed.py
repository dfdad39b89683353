"""The command as tests type it, and months in memory as the folders that it reads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from typer.testing import Result

from tests.memory import MemoryObjects
from tests.unit.metering.whole_month import WholeMonth

Billing = Callable[..., Result]


def billed(records: list[dict[str, Any]], *actions: str, **plan: Any) -> WholeMonth:
    """Return July after its run: these records in its first hour, and what Clazar did with them."""
    world = WholeMonth(*actions, **plan)
    world.every_hour("2025-07", records)
    world.run()
    return world


def written(objects: MemoryObjects, folder: Path) -> Path:
    """Write objects as a folder, as python -m infra.local metering leaves them."""
    for key, body in objects.objects.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder


def options(world: WholeMonth, folder: Path) -> list[str]:
    """Return the options that name a month in memory, written as folders."""
    plans = folder / "plans.json"
    state, usage = (
        written(world.state_bucket, folder / "state"),
        written(world.usage_bucket, folder / "usage"),
    )
    plans.write_text(json.dumps([json.loads(msgspec.json.encode(world.plan).decode())]))
    return ["--state", str(state), "--usage", str(usage), "--plans", str(plans)]


def answer(result: Result) -> Any:
    """Return what the command wrote as JSON."""
    return json.loads(result.stdout)
