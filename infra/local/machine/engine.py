# ruff: noqa: SLF001 (reaching into moto is what this module is for)
"""The seams into moto's Step Functions interpreter, all of them, each with its reason.

Moto interprets the real definition; what is changed here is (1) where a Lambda task's code runs,
(2) how long a wait really waits and (3) what differs from AWS in a way this project depends on.
`waits` holds the second, `map_runs` the third for Distributed Maps. Checked against moto 5.2.5.
"""

import functools
import json
import logging
import threading
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.config import Config
from jsonpath_ng.ext.parser import parse as parse_jsonpath
from moto.core.config import default_user_config
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.component import eval_component
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.parse import asl_parser
from moto.stepfunctions.parser.asl.utils import boto_client, json_path
from moto.stepfunctions.parser.backend import execution, execution_worker

from infra.local.lambdas.pool import LambdaService
from infra.local.machine.map_runs import patch_maps, timestamp
from infra.local.machine.waits import patch_waits

_account: dict[str, Any] = {}


def install(*, functions: LambdaService, endpoint: str) -> None:
    """Point the interpreter at this account."""
    _account.update(functions=functions, endpoint=endpoint)
    _client.cache_clear()


@functools.cache
def patch_interpreter() -> None:
    """Make the changes, once per process and before the first definition is read."""
    # moto only interprets definitions when told to; its default is to answer "succeeded".
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    # Failures are part of what is tested here; moto logs each one once per nesting level.
    logging.getLogger("moto").setLevel(logging.CRITICAL)
    # ... and prints the whole definition into each of those lines, even if nobody sees them.
    replace(eval_component.EvalComponent, "_log_failure_event_exception", _quiet)
    replace(eval_component.EvalComponent, "_log_exception", _quiet)

    # Both kinds of Lambda task (the function's ARN, lambda:invoke) come through this one function.
    replace(lambda_eval_utils, "_invoke_lambda_function", _invoke)

    # moto makes a new client per call (some 50 ms each, and not safely between threads), for a
    # port from an environment variable. Its module sees one client per service instead, for our
    # endpoint: ItemReader, ResultWriter and sns:publish use the same front door as the handlers.
    replace(boto_client, "boto3", SimpleNamespace(client=_client_for))

    # Parsing takes half a second per definition, and a millisecond per JSONPath, on every use.
    parser: Any = asl_parser.AmazonStateLanguageParser
    replace(parser, "parse", staticmethod(functools.lru_cache(maxsize=64)(parser.parse)))
    replace(json_path, "parse", functools.lru_cache(maxsize=4096)(parse_jsonpath))

    replace(execution.Execution, "get_start_execution_details", _start_as_text)
    replace(execution_worker.ExecutionWorker, "_execution_logic", _interpret_or_fail)
    patch_waits(replace)
    patch_maps(replace)


def replace(owner: Any, name: str, new: Any) -> None:
    """Put ours in moto's place, which has to exist: a new moto must not go unnoticed."""
    getattr(owner, name)
    setattr(owner, name, new)


_start_details: Any = execution.Execution.get_start_execution_details
_interpret: Any = execution_worker.ExecutionWorker._execution_logic


def _start_as_text(execution_: Any) -> Any:
    """Give $$.Execution.StartTime as on AWS: a text, which a Choice may compare."""
    details = _start_details(execution_)
    details.start_time = timestamp(execution_.start_date)
    return details


def _interpret_or_fail(worker: Any) -> None:
    """End the execution on an error inside the interpreter, which ends only its thread there."""
    try:
        _interpret(worker)
    except Exception as error:  # noqa: BLE001 (whatever it is, somebody waits)
        ended = worker._execution_communication.execution
        ended.error, ended.cause = "States.Runtime", f"{type(error).__name__}: {error}"
        ended.exec_status = ExecutionStatus.FAILED


def _quiet(*_: Any, **__: Any) -> None:
    """Say nothing."""


def _invoke(parameters: dict[str, Any], **_: Any) -> dict[str, Any]:
    outcome = _account["functions"].invoke(str(parameters["FunctionName"]), parameters["Payload"])
    answer = {
        "StatusCode": 200,
        "ExecutedVersion": "$LATEST",
        "Payload": json.loads(outcome.payload),
    }
    if outcome.failed:
        answer["FunctionError"] = "Unhandled"
    return answer


@functools.lru_cache
def _client(service: str, region: str) -> Any:
    new_client: Any = boto3.client
    return new_client(
        service,
        region_name=region,
        endpoint_url=_account["endpoint"],
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 (opens nothing)
        config=Config(parameter_validation=False, max_pool_connections=50),
    )


_client_lock = threading.Lock()


def _client_for(*, service_name: str, region_name: str, **_: Any) -> Any:
    with _client_lock:
        return _client(service_name, region_name)
