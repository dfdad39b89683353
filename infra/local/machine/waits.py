# ruff: noqa: SLF001 (reaching into moto is what this module is for)
"""How long Retry and Wait states really wait, and word of every retry; see `engine` for the rest.

A retry may wait for minutes. Whoever watches a run has to be able to tell that from a hang.
"""

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function import wait_function

from infra.local.machine.measure import RetryWait, RunRecord, record_of

_local = threading.local()


def patch_waits(replace: Callable[[Any, str, Any], None]) -> None:
    """Make the changes, once per process."""
    # A Retry sleeps in a module-level time.sleep; what it waits for comes by thread.
    replace(retrier_decl, "time", SimpleNamespace(sleep=_retry_sleep))
    evaluate_retrier = retrier_decl.RetrierDecl._eval_body

    def known_retrier(self: Any, env: Any) -> None:
        _local.env, _local.retrier = env, self
        evaluate_retrier(self, env)

    replace(retrier_decl.RetrierDecl, "_eval_body", known_retrier)
    # A Wait counts whole seconds there, so it cannot be shortened from outside.
    replace(wait_function.WaitFunction, "_wait_interval", _wait)


def _record(env: Any) -> RunRecord:
    return record_of(env.states.context_object.context_object_data["Execution"]["Id"])


def _retry_sleep(seconds: float) -> None:
    env, attempts = _local.env, _local.retrier.max_attempts
    record, failed = _record(env), env.states.get_error_output()
    seconds *= record.time_scale
    if record.retrying:
        record.retrying(
            RetryWait(
                state=str(env.states.context_object.context_object_data["State"]["Name"]),
                error=str(failed["Error"]),
                cause=str(failed["Cause"]),
                seconds=seconds,
                attempt=attempts._access_attempt_number(env) + 1,
                attempts=attempts.attempts,
            )
        )
    _sleep(env, seconds)


def _wait(_: Any, env: Any, wait_seconds: float) -> None:
    _sleep(env, wait_seconds * _record(env).time_scale)


def _sleep(env: Any, seconds: float) -> None:
    """Wait, but not beyond the end of the execution."""
    deadline = time.monotonic() + seconds
    while env.is_running() and (left := deadline - time.monotonic()) > 0:
        env.program_state_event.wait(left)
