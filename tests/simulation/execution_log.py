"""Executions of a story, with what is written down when one starts, stops, and ends."""

import json
from collections.abc import Callable
from typing import Any

from tests.in_memory.machine import Execution, Machine, StateFailed, Steps
from tests.in_memory.timeline import Aborted, StepFunctions

_SHOWN = 1_500
Say = Callable[[str], None]


class ToldMachine(Machine):
    """Says how an execution ended."""

    say: Say
    ended: Callable[[Execution, str, str], None]

    def run(self, execution: Execution) -> Steps:
        try:
            output = yield from super().run(execution)
        except (Aborted, GeneratorExit):
            raise
        except StateFailed as failure:
            self.say(f"{execution.name} FAILED {failure.error}: {failure.cause[:_SHOWN]}")
            self.ended(execution, failure.error, failure.cause)
            raise
        self.say(f"{execution.name} SUCCEEDED: {output.get('message', output)[:_SHOWN]}")
        self.ended(execution, "", json.dumps(output))
        return output


class ToldStepFunctions(StepFunctions):
    """Says when an execution is started, aborted or redriven."""

    say: Say
    started: Callable[[Execution], None]

    def start(self, given: Any) -> Execution:
        execution = super().start(given)
        self.say(f"{execution.name} starts with {json.dumps(given)}")
        self.started(execution)
        return execution

    def redrive(self, execution: Execution) -> None:
        self.say(f"{execution.name} is redriven")
        super().redrive(execution)

    def abort(self, execution: Execution) -> None:
        self.say(f"{execution.name} is aborted")
        super().abort(execution)
