"""moto's parts, imported without what this machine has no use for.

EC2's tables of instance types cost more than a second. They are out of sight for as long as moto
is imported and no longer: whoever imports EC2 afterwards gets it.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

# What moto's SSM takes from EC2, and its interpreter from the task for AWS Batch.
_BATCH = (
    "moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_batch"
)
_ABSENT: dict[str, dict[str, Any]] = {
    "moto.ec2": {"ec2_backends": {}},
    _BATCH: {"StateTaskServiceBatch": None},
}
_PARTS = ("moto.ssm.models", "moto.stepfunctions.parser.models", "moto.moto_server.werkzeug_app")


@contextmanager
def _apart() -> Iterator[None]:
    put = [name for name in _ABSENT if name not in sys.modules]
    for name in put:
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(_ABSENT[name])
    try:
        yield
    finally:
        for name in put:
            del sys.modules[name]


with _apart():
    for _name in _PARTS:
        importlib.import_module(_name)
