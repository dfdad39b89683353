"""What an execution really cost: states entered, child executions, the largest payload."""

import contextlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Progress = Callable[[str, int, int], None]
"""Called with a Distributed Map's state name, its ended children and its total; and with the name
of each state that the execution enters, twice 0."""


@dataclass(frozen=True)
class RetryWait:
    """A failed state that will be tried again: in how many real seconds, and which retry it is."""

    state: str
    error: str
    cause: str
    seconds: float
    attempt: int
    attempts: int


Retrying = Callable[[RetryWait], None]
"""Called when the wait begins."""


@dataclass
class RunRecord:
    """One execution, its children included: how it is to run, and what was counted."""

    time_scale: float = 1.0
    progress: Progress | None = None
    retrying: Retrying | None = None
    transitions: int = 0
    children: int = 0
    failed_children: int = 0
    largest_payload_bytes: int = 0
    largest_payload_state: str = ""
    states: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def event(self, kind: str, details: Mapping[str, Any] | None) -> None:
        """Count one event of the history of the execution or of a child."""
        bodies = list((details or {}).values())
        with self._lock:
            if kind.endswith("StateEntered"):
                self.transitions += 1
                name = str(bodies[0].get("name", ""))
                self.states[name] = self.states.get(name, 0) + 1
            for body in bodies:
                if isinstance(body, Mapping):
                    self._payload(body)

    def _payload(self, body: Mapping[str, Any]) -> None:
        for side in ("input", "output"):
            text = body.get(side)
            # The history's JSON is never shorter than the compact form that Step Functions counts.
            if not isinstance(text, str) or len(text) <= self.largest_payload_bytes:
                continue
            if (size := _compact_size(text)) > self.largest_payload_bytes:
                self.largest_payload_bytes = size
                self.largest_payload_state = str(body.get("name") or body.get("resource") or "")

    def child_started(self) -> None:
        """Count a child execution of a Distributed Map."""
        with self._lock:
            self.children += 1

    def child_ended(self, state: str, ended: int, total: int, *, failed: bool) -> None:
        """Count how it ended, and say how far its map has come."""
        with self._lock:
            self.failed_children += failed
        if self.progress is not None:
            self.progress(state, ended, total)


def _compact_size(text: str) -> int:
    """Bytes of a JSON text as UTF-8 without spaces; of any other text as it is."""
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    return len(text.encode("utf-8", "surrogatepass"))


_RECORDS: dict[str, RunRecord] = {}
_UNKNOWN = RunRecord()


def register(execution_arn: str, record: RunRecord) -> None:
    """Make a run findable by the ARN of its execution or of one of its children."""
    _RECORDS[execution_arn] = record


def forget(record: RunRecord) -> None:
    """Forget a run that has ended, with its children."""
    for arn in [arn for arn, known in _RECORDS.items() if known is record]:
        del _RECORDS[arn]


def record_of(execution_arn: str) -> RunRecord:
    """Find the run that an execution or a child belongs to."""
    return _RECORDS.get(execution_arn, _UNKNOWN)
