"""What EventBridge hands to a rule's target: the event, a part of it, or what a template makes.

Only what is understood for certain is worked out. Anything else is a TemplateError: an input that
is guessed wrongly would look like a defect of the pipeline.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from infra.local.app.template import TemplateError

_PATH = re.compile(r"\$(?:\.[A-Za-z0-9_/-]+|\[\d+\])*")
_STEP = re.compile(r"\.([A-Za-z0-9_/-]+)|\[(\d+)\]")
# A text in the template, or a place for a value outside of one.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|<[A-Za-z0-9_.-]+>')
_PLACE = re.compile(r"<([A-Za-z0-9_.-]+)>")
_WAYS = ("Input", "InputPath", "InputTransformer")
_KNOWN = {"Arn", "Id", "RoleArn", "RetryPolicy", "DeadLetterConfig", *_WAYS}


def target_input(target: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
    """Return the input that the target is started with."""
    if unknown := sorted(set(target) - _KNOWN):
        raise TemplateError(f"{_name(target)} has {', '.join(unknown)}, which is not understood")
    given = [way for way in _WAYS if way in target]
    if len(given) > 1:
        raise TemplateError(f"{_name(target)} has {' and '.join(given)}: one at most is allowed")
    if not given:
        return event
    asked = target[given[0]]
    if given[0] == "Input":
        return _parsed(str(asked), target)
    if given[0] == "InputPath":
        return _found(str(asked), event, target)
    paths = asked.get("InputPathsMap", {})
    values = {name: _found(str(path), event, target) for name, path in paths.items()}
    return _parsed(_filled(str(asked["InputTemplate"]), values, target), target)


def _name(target: Mapping[str, Any]) -> str:
    return f"the target {target.get('Id', '')} of {target.get('Arn', '')}"


def _found(path: str, event: Mapping[str, Any], target: Mapping[str, Any]) -> Any:
    """Follow a path of names and positions, which is nearly all that EventBridge takes."""
    if not _PATH.fullmatch(path):
        raise TemplateError(f"{_name(target)}: the path {path} is not understood")
    value: Any = event
    for name, position in _STEP.findall(path):
        try:
            value = value[int(position) if position else name]
        except (KeyError, IndexError, TypeError):
            raise TemplateError(
                f"{_name(target)}: the event has nothing at {path}; on AWS the value is left out"
            ) from None
    return value


def _filled(template: str, values: Mapping[str, Any], target: Mapping[str, Any]) -> str:
    """Put values into their places: as JSON, but inside a text as a part of that text."""

    def value(name: str) -> Any:
        if name not in values:
            raise TemplateError(f"{_name(target)}: nothing in its InputPathsMap is named {name}")
        return values[name]

    def part_of_text(found: re.Match[str]) -> str:
        inner = value(found[1])
        text = inner if isinstance(inner, str) else json.dumps(inner)
        return json.dumps(text)[1:-1]

    def token(found: re.Match[str]) -> str:
        if found[0].startswith('"'):
            return _PLACE.sub(part_of_text, found[0])
        return json.dumps(value(found[0][1:-1]))

    return _TOKEN.sub(token, template)


def _parsed(text: str, target: Mapping[str, Any]) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise TemplateError(f"{_name(target)}: its input is not JSON ({error}): {text}") from None
