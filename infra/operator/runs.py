"""`run`, `retry`, `resolve`, `restore`: an execution with that input, followed to its end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.operator.where import CannotRun, DeployedWhere, LocalWhere, Where

ROOT = Path(__file__).resolve().parents[2]
_POLL_SECONDS = 2.0


def run_there(
    where: Where,
    pipeline: str,
    given: dict[str, Any],
    *,
    wait: bool,
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Start the execution where the command looks; return how it ended, or that it runs."""
    if isinstance(where, LocalWhere):
        return _locally(where, pipeline, given)
    if isinstance(where, DeployedWhere):
        return _deployed(where, pipeline, given, wait=wait, say=say, sleep=sleep)
    raise CannotRun("executions start with --state DIR or --env prod only")


def _locally(where: LocalWhere, pipeline: str, given: dict[str, Any]) -> dict[str, Any]:
    """Run `python -m infra.local`, which says its own progress on stderr."""
    options = [pipeline, "--state", str(where.folder), "--input", json.dumps(given), "--json"]
    if pipeline == "metering":
        if where.usage_folder is None:
            raise CannotRun("a local run needs the usage files: give --usage DIR")
        options += ["--usage", str(where.usage_folder)]
        options += ["--plans", str(where.plans_file)] if where.plans_file else []
        options += ["--clazar", where.clazar_url] if where.clazar_url else []
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "infra.local", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if ran.returncode == 2 or not ran.stdout.strip():  # noqa: PLR2004
        raise CannotRun("the local run was refused; what it said stands above")
    result = json.loads(ran.stdout)
    return dict(result.get("executions", [result])[0])


def _deployed(
    where: DeployedWhere,
    pipeline: str,
    given: dict[str, Any],
    *,
    wait: bool,
    say: Callable[[str], None],
    sleep: Callable[[float], None],
) -> dict[str, Any]:
    machine = where.outputs_of(pipeline).get("StateMachineArn")
    if not machine:
        raise CannotRun(f"stack {where.environment}-{pipeline} has no output StateMachineArn")
    steps = where.client("stepfunctions")
    arn = steps.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
    say(f"started {arn}")
    if not wait:
        return {"status": "RUNNING", "execution_arn": arn}
    while (found := steps.describe_execution(executionArn=arn))["status"] == "RUNNING":
        counts = [
            steps.describe_map_run(mapRunArn=one["mapRunArn"])["itemCounts"]
            for one in steps.list_map_runs(executionArn=arn)["mapRuns"]
        ]
        parts = [f"{one['succeeded'] + one['failed']}/{one['total']}" for one in counts]
        say(f"running; items of its maps: {', '.join(parts) or 'none yet'}")
        sleep(_POLL_SECONDS)
    output = found.get("output")
    return {
        "status": found["status"],
        "error": found.get("error"),
        "cause": found.get("cause"),
        "output": json.loads(output) if output else None,
        "execution_arn": arn,
    }


def as_lines(ended: dict[str, Any]) -> list[str]:
    """Return how an execution ended, with its own message."""
    output = ended.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    said = message or ": ".join(filter(None, (ended.get("error"), ended.get("cause"))))
    return [f"{ended['status']}{f': {said}' if said else ''}"]
