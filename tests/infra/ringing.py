"""When alarms of the real template ring: CloudWatch's rules for what was measured in memory."""

import json
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from infra.local.app.template import Template as Stack
from infra.local.aws.event_rules import EventRules
from infra.local.aws.event_targets import target_input
from tests.in_memory.account import Account, Measured
from tests.in_memory.machine import Execution

HOUR = timedelta(hours=1)
_STATISTICS: dict[str, Callable[[list[float]], float]] = {"Maximum": max, "Sum": sum}


class Happened(NamedTuple):
    """A value of a metric, ours or of AWS, with its dimensions but for the machine's."""

    at: datetime
    name: str
    value: float
    plan: str


def ours(measured: Iterable[Measured]) -> Iterator[Happened]:
    """Return what the functions have measured."""
    return (Happened(*point) for point in measured)


def of_end(execution: Execution, machine: str, at: datetime) -> dict[str, Any]:
    """Return the event that Step Functions sends when an execution has ended."""
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "time": at.isoformat(),
        "detail": {
            "executionArn": execution.id,
            "stateMachineArn": machine,
            "name": execution.name,
            "status": execution.status,
            "error": execution.error or None,
            "cause": execution.cause or None,
        },
    }


class Mailing:
    """The rules of one stack that mail what has happened."""

    def __init__(self, body: dict[str, Any]) -> None:
        stack = Stack(body, stack="S", region="eu-central-1")
        (machine,) = stack.of_type("AWS::StepFunctions::StateMachine")
        self._rules, self._machine = EventRules(stack), machine.arn

    def mails(self, execution: Execution, at: datetime) -> list[dict[str, Any]]:
        """Return what the topic gets when an execution has ended."""
        event = of_end(execution, self._machine, at)
        return [target_input(target, event) for _, target in self._rules.matching(event)]


def mailed_once(account: Account, mailing: Mailing) -> set[str]:
    """Check that every run that failed was mailed once; return what rules mail."""
    rung = set()
    for run in account.step_functions.executions:
        own = [mail.text for mail in account.messages if mail.execution == run.name]
        others = [mail["what"] for mail in mailing.mails(run, account.now())]
        if run.status not in ("RUNNING", "SUCCEEDED"):
            assert len(own) + len(others) == 1, (run.error, own, others)
        rung |= {what.partition(": ")[2] for what in others}
    return rung


class Ringing:
    """The alarms of one stack, asked hour by hour: as much of CloudWatch as they need."""

    def __init__(self, alarms: list[dict[str, Any]], happened: list[Happened]) -> None:
        self._alarms = list[dict[str, Any]]()
        self._happened = defaultdict[tuple[str, str], list[Happened]](list)
        for point in sorted(happened):
            self._happened[point.name, point.plan].append(point)
        measured = {name for name, _ in self._happened}
        for alarm in alarms:  # what nothing was measured for rings only if it is about silence
            text = json.dumps(alarm)
            names = set(re.findall(r'"MetricName": "(\w+)"', text))
            if names & measured or "DATE(" in text or alarm["TreatMissingData"] == "breaching":
                self._alarms.append(alarm)

    def names(self, first: datetime, last: datetime) -> set[str]:
        """Return the alarms that ring at some full hour between two."""
        found = set()
        at = first.replace(minute=0, second=0, microsecond=0) + HOUR
        while at <= last:
            found |= {a["AlarmName"].partition(": ")[2] for a in self._alarms if self._rings(a, at)}
            at += HOUR
        return found

    def _rings(self, alarm: dict[str, Any], at: datetime) -> bool:
        """Ask for the periods before a full hour; shorter ones ring if any within the hour does."""
        parts = {p["Id"]: p["MetricStat"] for p in alarm.get("Metrics", ()) if "MetricStat" in p}
        seconds = next(iter(parts.values()))["Period"] if parts else alarm["Period"]
        period, count = timedelta(seconds=seconds), alarm["EvaluationPeriods"]
        ends = [at - period * number for number in range(max(1, HOUR // period))]
        return any(
            all(self._breaches(alarm, parts, end - period * n, period) for n in range(count))
            for end in ends
        )

    def _breaches(
        self, alarm: dict[str, Any], parts: dict[str, Any], end: datetime, period: timedelta
    ) -> bool:
        begin = end - period
        if parts:
            (expression,) = (p["Expression"] for p in alarm["Metrics"] if "Expression" in p)
            values = {
                name: self._value(stat["Metric"], stat["Stat"], begin, end)
                for name, stat in parts.items()
            }
            value = evaluate(expression, values, begin)
        else:
            value = self._value(alarm, alarm["Statistic"], begin, end)
        if value is None:
            return bool(alarm["TreatMissingData"] == "breaching")
        if alarm["ComparisonOperator"] == "LessThanThreshold":
            return bool(value < alarm["Threshold"])
        return bool(value >= alarm["Threshold"])

    def _value(
        self, metric: dict[str, Any], statistic: str, begin: datetime, end: datetime
    ) -> float | None:
        plan = next((d["Value"] for d in metric["Dimensions"] if d["Name"] == "plan"), "")
        points = self._happened.get((metric["MetricName"], plan), [])
        first, last = (bisect_left(points, at, key=lambda point: point.at) for at in (begin, end))
        found = [point.value for point in points[first:last]]
        return _STATISTICS[statistic](found) if found else None


def evaluate(text: str, values: dict[str, float | None], begin: datetime) -> float | None:
    """Work out an expression of metric math, as far as the alarms use it."""
    functions = {
        "FILL": lambda value, instead: instead if value is None else value,
        "DATE": lambda _: begin.day,
        "HOUR": lambda _: begin.hour,
        "MINUTE": lambda _: begin.minute,
        "MONTH": lambda _: begin.month,
        "YEAR": lambda _: begin.year,
        "FLOOR": int,
        "IF": lambda condition, then, otherwise: then if condition else otherwise,
        "MAX": max,
    }
    python = re.sub(r"\b(AND|OR)\b", lambda word: word[0].lower(), text)
    result: float | None = eval(python, {"__builtins__": {}}, {**functions, **values})  # noqa: S307
    return result
