"""The template's EventBridge rules: which target an event starts, and with what input.

moto delivers no event of S3 to EventBridge, and starts no state machine from a rule. Its matching
is used, for the patterns that it really understands: an unknown one would match anything.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moto.events.models import EventPattern

from infra.local.app.template import Resource, Template, TemplateError
from infra.local.aws.event_targets import target_input
from infra.local.aws.object_event import Event

_MACHINE = "AWS::StepFunctions::StateMachine"
_TEXTS = {"prefix", "suffix", "wildcard"}
_FILTERS = {*_TEXTS, "anything-but", "exists"}


@dataclass(frozen=True)
class Start:
    """What a rule asks for: an execution of a state machine, with this input."""

    rule: str
    machine_arn: str
    given: Any


class EventRules:
    """The rules of one stack on the default bus."""

    def __init__(self, template: Template) -> None:
        # Worked out when an event comes: a stack without uploads may have any rule.
        self._template = template

    def starts(self, event: Event) -> list[Start]:
        """Every start that an event leads to, in the order of the template."""
        self._check_sent(event)
        return [self._start(rule, target, event) for rule, target in self.matching(event)]

    def matching(self, event: Event) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
        """Yield the targets of every rule that an event matches, each with its rule."""
        for rule in self._enabled():
            pattern = rule.properties["EventPattern"]
            _check(pattern, rule.name)
            matching: Any = EventPattern(json.dumps(pattern), pattern)
            if matching.matches_event(event):
                for target in rule.properties.get("Targets", []):
                    yield rule, target

    def _enabled(self) -> Iterator[Resource]:
        for rule in self._template.of_type("AWS::Events::Rule"):
            bus = str(rule.properties.get("EventBusName", "default")).rpartition("/")[2]
            enabled = rule.properties.get("State", "ENABLED") != "DISABLED"
            if enabled and bus == "default" and "EventPattern" in rule.properties:
                yield rule

    def _start(self, rule: Resource, target: Mapping[str, Any], event: Event) -> Start:
        arn = str(target["Arn"])
        machines = {found.arn for found in self._template.of_type(_MACHINE)}
        if arn not in machines:
            raise TemplateError(f"the rule {rule.name} has the target {arn}: no state machine here")
        return Start(rule.name, arn, target_input(target, event))

    def _check_sent(self, event: Event) -> None:
        """Refuse an event of a bucket of the template that sends none."""
        name = event.get("detail", {}).get("bucket", {}).get("name")
        for bucket in self._template.of_type("AWS::S3::Bucket"):
            if bucket.name == name and not self._sends_events(bucket):
                raise TemplateError(f"the bucket {name} does not send its events to EventBridge")

    def _sends_events(self, bucket: Resource) -> bool:
        own = bucket.properties.get("NotificationConfiguration", {})
        sends = own.get("EventBridgeConfiguration", {}).get("EventBridgeEnabled")
        return str(sends).lower() == "true"


def _check(pattern: Any, rule: str, path: str = "") -> None:
    """Refuse a pattern that is wrong, or that moto would take for one that matches anything."""
    if not isinstance(pattern, dict) or not pattern or "$or" in pattern:
        raise TemplateError(f"the pattern of the rule {rule} is not understood at {path or '$'}")
    for name, wanted in pattern.items():
        below = f"{path}.{name}" if path else str(name)
        if isinstance(wanted, list) and wanted:
            for one in wanted:
                _check_filter(one, rule, below)
        else:
            _check(wanted, rule, below)


def _check_filter(wanted: Any, rule: str, path: str, *, negated: bool = False) -> None:
    """Refuse a filter that EventBridge would: only anything-but takes a list of texts."""
    if isinstance(wanted, list):
        raise TemplateError(f"the pattern of the rule {rule} has a list in a list at {path}")
    if not isinstance(wanted, dict):
        return
    name, inner = next(iter(wanted.items()), ("", None))
    known = len(wanted) == 1 and name in (_TEXTS if negated else _FILTERS)
    texts = inner if negated and isinstance(inner, list) else [inner]
    if not known or (name in _TEXTS and any(_is_no_text(text, name) for text in texts)):
        said = json.dumps(wanted)
        raise TemplateError(f"the pattern of the rule {rule} is not understood at {path}: {said}")
    if name == "anything-but" and isinstance(inner, dict):
        _check_filter(inner, rule, path, negated=True)


def _is_no_text(text: Any, name: str) -> bool:
    return not isinstance(text, str) or (name == "wildcard" and "**" in text)
