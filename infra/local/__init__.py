"""The deployed app on this machine: what `cdk synth` produced, run on a loopback AWS."""

import os
import sys
import types
from typing import Any

# moto's SSM and its interpreter's task for AWS Batch import EC2, whose tables of instance types and
# zones cost more than a second: half of what a run needs to start. Nothing here ever asks for EC2.
_BATCH = (
    "moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_batch"
)


# A profile or an endpoint of the shell is for the real AWS; this one must not even look for it.
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]


def _stand_in(module: str, **names: Any) -> None:
    if module not in sys.modules:
        sys.modules[module] = types.ModuleType(module, "Not needed on this machine.")
        vars(sys.modules[module]).update(names)


_stand_in(_BATCH, StateTaskServiceBatch=None)
_stand_in("moto.ec2", ec2_backends={})
