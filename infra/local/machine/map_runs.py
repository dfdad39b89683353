# ruff: noqa: SLF001 (reaching into moto is what this module is for)
"""Maps as AWS runs them, where moto's interpreter differs; see `engine` for the rest."""

import datetime as dt
import threading
import uuid
from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
    distributed_iteration_component,
    iteration_worker,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (
    distributed_item_processor_worker,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.job import JobPool
from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer import (
    result_writer_decl,
)
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager

from infra.local.machine.measure import RunRecord, record_of, register

MAX_WORKERS = 40
"""Threads of a map without MaxConcurrency: AWS's own figure for inline maps. (AWS starts up to
10,000 children of a Distributed Map; here each one would be a thread.)"""

_Distributed = distributed_iteration_component.DistributedIterationComponent
_Worker = distributed_item_processor_worker.DistributedItemProcessorWorker


def patch_maps(replace: Callable[[Any, str, Any], None]) -> None:
    """Make the changes, once per process."""
    # Called once per item by the item before it: 1,000 items in one worker end in a RecursionError.
    replace(iteration_worker.IterationWorker, "_eval_pool", _inline_items)
    replace(_Worker, "_eval_pool", _distributed_items)
    # Runs a map's items; ours counts them, and starts no more threads than there are items.
    replace(_Distributed, "_map_run", _map_run)
    # Puts a child's own input in place; ours then gives it an execution of its own, as AWS does.
    evaluate_input = _Worker._eval_input

    def evaluate_child_input(self: Any, env_frame: Any) -> None:
        evaluate_input(self, env_frame)
        _as_child_execution(env_frame, self._work_name)

    replace(_Worker, "_eval_input", evaluate_child_input)
    # Takes its Parameters from the map's result; on AWS they come from the state's input.
    replace(result_writer_decl.ResultWriter, "_eval_body", _write_results)


class _ChildHistory(EventManager):
    """Children's events are counted, not kept: nobody can ask for them, and there are very many."""

    def __init__(self, record: RunRecord) -> None:
        super().__init__()
        self._record = record

    def add_event(
        self,
        context: Any,
        event_type: str,
        event_details: Any = None,
        timestamp: Any = None,  # noqa: ARG002 (moto's signature)
        update_source_event_id: bool = True,  # noqa: FBT001, FBT002 (moto's signature)
    ) -> int:
        """Number the event, for the ones that refer to it, and count it."""
        with self._mutex:
            event_id = int(self._event_id_gen.get())
            context.last_published_event_id = event_id
            if update_source_event_id:
                context.source_event_id = event_id
        self._record.event(str(event_type), event_details)
        return event_id


def timestamp(moment: dt.datetime) -> str:
    """As Step Functions writes it."""
    text = moment.astimezone(dt.UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _as_child_execution(env: Any, state: str) -> None:
    context = env.states.context_object.context_object_data
    parent = context["Execution"]
    name = str(uuid.uuid4())
    arn = f"{parent['Id'].rpartition(':')[0]}/{state}:{name}"
    record = record_of(parent["Id"])
    record.child_started()
    register(arn, record)
    context["Execution"] = {
        **parent,
        "Id": arn,
        "Name": name,
        "Input": env.states.get_input(),
        "StartTime": timestamp(dt.datetime.now(dt.UTC)),
    }


def _inline_items(self: Any, job: Any, worker_frame: Any) -> None:
    last_event = None
    while job is not None:
        frame = worker_frame.open_inner_frame()
        self._eval_job(env=frame, job=job)
        worker_frame.close_frame(frame)
        ends = isinstance(job.job_output, Exception) or self.stopped()
        following = None if ends else self._job_pool.next_job()
        if following is None:
            if not ends:
                last_event = frame.event_history_context.last_published_event_id
            break
        self._job_pool.close_job(job)
        job = following
    # The frame has to be closed before the last job is: that lets the map go on.
    if last_event is not None:
        worker_frame.event_history_context.source_event_id = last_event
    self._env.close_frame(worker_frame)
    if job is not None:
        self._job_pool.close_job(job)


def _distributed_items(self: Any, job: Any, worker_frame: Any) -> None:
    run, pool = self._map_run_record, self._job_pool
    record = record_of(run.execution_arn)
    while job is not None:
        frame = worker_frame.open_inner_frame()
        self._eval_job(env=frame, job=job)
        worker_frame.delete_frame(frame)
        counted = run.item_counter
        lost = counted.failed.get() + counted.timed_out.get() + counted.aborted.get()
        failed = job.job_output is None
        record.child_ended(
            self._work_name, lost + counted.succeeded.get(), pool._jobs_number, failed=failed
        )
        if not worker_frame.is_running():
            # Stopped from outside: the map need not wait for the items that nobody will run.
            pool._termination_event.set()
            return
        if lost and _exceeds(run, lost, pool._jobs_number):
            _end_map(pool, worker_frame)
        following = pool.next_job()
        pool.close_job(job)
        job = following


def _exceeds(run: Any, lost: int, total: int) -> bool:
    """Whether so many failures end the map. Without a threshold the first one does."""
    count, percentage = run.tolerated_failure_count, run.tolerated_failure_percentage
    return bool(
        (not count and not percentage)
        or (count and lost > count)
        or (percentage and lost * 100 > percentage * total)
    )


def _failure(env: Any) -> FailureEventException:
    cause = "The specified tolerated failure threshold was exceeded"
    name = StatesErrorName(typ=StatesErrorNameType.StatesExceedToleratedFailureThreshold)
    details: Any = {"mapRunFailedEventDetails": {"error": name.error_name, "cause": cause}}
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.MapRunFailed,
            event_details=details,
        )
    )


def _end_map(pool: Any, worker_frame: Any) -> None:
    """No further child starts, and those that run stop before their next state, as on AWS."""
    with pool._mutex:
        if pool._is_terminated():
            return
        pool._worker_exception = _failure(worker_frame)
    for frame in list(worker_frame._frames):
        frame.set_stop(stop_date=dt.datetime.now(dt.UTC), cause=None, error=None)
    pool._termination_event.set()


def _map_run(self: Any, env: Any, eval_input: Any) -> None:
    items = env.stack.pop()
    run = eval_input.map_run_record
    env.event_manager = _ChildHistory(record_of(run.execution_arn))
    pool = JobPool(job_program=self._get_iteration_program(), job_inputs=items)
    for _ in range(min(len(items), run.max_concurrency or MAX_WORKERS)):
        worker = self._create_worker(env=env, eval_input=eval_input, job_pool=pool)
        threading.Thread(target=worker.eval, daemon=True).start()
    pool.await_jobs()
    if (failure := pool.get_worker_exception()) is not None:
        raise failure
    closed = sorted(pool._closed_jobs, key=lambda job: int(job.job_index))
    env.stack.append([job.job_output for job in closed])


def _write_results(self: Any, env: Any) -> None:
    env.stack.append(env.states.get_input())
    self.parargs.eval(env=env)
    parameters = env.stack.pop()
    env.stack.pop()
    env.stack.append(parameters)
    self.resource_eval.eval_resource(env=env)
