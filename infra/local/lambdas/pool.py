"""Lambda on this machine: every function in processes of its own, one per call at a time."""

import threading
from collections.abc import Iterable
from typing import IO

from infra.local.lambdas.process import Function, LambdaProcess, Outcome

MAX_PROCESSES = 4
"""Per function. Lambda would start one per concurrent call; on two cores more only use memory, so
further calls queue. Handlers mostly wait for HTTP, which is why it is more than the cores."""


class FunctionPool:
    """The execution environments of one function: kept warm, started when all others are busy."""

    def __init__(self, function: Function, log: IO[bytes]) -> None:
        self.function = function
        self._log = log
        self._changed = threading.Condition()
        self._idle: list[LambdaProcess] = []
        self._all: set[LambdaProcess] = set()
        self._starting = 0
        self._closed = False

    def invoke(self, payload: bytes) -> Outcome:
        """Run the function in a process that is free, waiting for one if need be."""
        process = self._acquire()
        if process is None:
            return Outcome(
                b'{"errorType":"Runtime.ExitError","errorMessage":"stopped"}', failed=True
            )
        try:
            return process.invoke(payload)
        finally:
            self._release(process)

    def _acquire(self) -> LambdaProcess | None:
        with self._changed:
            if not self._changed.wait_for(self._may_go_on) or self._closed:
                return None
            if self._idle:
                # The one used last: its caches are warm, as Lambda tends to do it.
                return self._idle.pop()
            self._starting += 1
        process = LambdaProcess(self.function, self._log)
        with self._changed:
            self._starting -= 1
            self._all.add(process)
            if self._stopped():
                process.kill()
        return process

    def _stopped(self) -> bool:
        return self._closed

    def _may_go_on(self) -> bool:
        return self._closed or bool(self._idle) or len(self._all) + self._starting < MAX_PROCESSES

    def _release(self, process: LambdaProcess) -> None:
        with self._changed:
            if process.usable and not self._closed:
                self._idle.append(process)
            else:
                self._all.discard(process)
            self._changed.notify()

    def close(self) -> None:
        """End every process at once; calls under way fail."""
        with self._changed:
            self._closed = True
            idle, busy = self._idle, self._all.difference(self._idle)
            self._changed.notify_all()
        for process in idle:
            process.close()
        for process in busy:
            process.kill()


class LambdaService:
    """All functions by ARN."""

    def __init__(self, log: IO[bytes]) -> None:
        self._log = log
        self._pools: dict[str, FunctionPool] = {}

    def deploy(self, functions: Iterable[Function]) -> None:
        """Replace all functions. One that is the same as before stays warm."""
        before, self._pools = self._pools, {}
        for function in functions:
            known = before.get(function.arn)
            if known and known.function == function:
                self._pools[function.arn] = before.pop(function.arn)
            else:
                self._pools[function.arn] = FunctionPool(function, self._log)
        for pool in before.values():
            pool.close()

    def invoke(self, arn: str, payload: bytes) -> Outcome:
        """Run a function, named by its ARN."""
        return self._pools[arn].invoke(payload)

    def close(self) -> None:
        """End every process of every function."""
        for pool in self._pools.values():
            pool.close()
