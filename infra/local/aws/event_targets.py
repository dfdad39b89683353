"""What EventBridge hands to a rule's target: what a template makes of the event.

Only what is understood for certain is worked out. Anything else is a TemplateError: an input that
is guessed wrongly would look like a defect of the pipeline.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from infra.local.app.template import TemplateError

_PATH = re.compile(r"\$(?:\.[A-Za-z0-9_/-]+)+")
# A text in the template, or a place for a value outside of one.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|<[A-Za-z0-9_.-]+>')
_PLACE = re.compile(r"<([A-Za-z0-9_.-]+)>")
_KNOWN = {"Arn", "Id", "RoleArn", "RetryPolicy", "DeadLetterConfig", "InputTransformer"}


def target_input(target: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
    """Return the input that the target is started with."""
    if unknown := sorted(set(target) - _KNOWN):
        raise TemplateError(f"{_name(target)} has {', '.join(unknown)}, which is not understood")
    if (asked := target.get("InputTransformer")) is None:
        return event
    paths = asked.get("InputPathsMap", {})
    values = {name: _found(str(path), event, target) for name, path in paths.items()}
    text = _filled(str(asked["InputTemplate"]), values, target)
    try:
        return json.loads(text)
    except ValueError as error:
        raise TemplateError(f"{_name(target)}: its input is not JSON ({error}): {text}") from None


def _name(target: Mapping[str, Any]) -> str:
    return f"the target {target.get('Id', '')} of {target.get('Arn', '')}"


def _found(path: str, event: Mapping[str, Any], target: Mapping[str, Any]) -> Any:
    """Follow a path of names."""
    if not _PATH.fullmatch(path):
        raise TemplateError(f"{_name(target)}: the path {path} is not understood")
    value: Any = event
    for name in path.split(".")[1:]:
        try:
            value = value[name]
        except (KeyError, TypeError):
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
