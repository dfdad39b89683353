"""How data goes through a state: paths, payload templates and the rules of a Choice.

JSONPath mode, and of it what the definitions use. What is not known here is refused at once: a
test must not pass because something in a definition was not understood.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from typing import Any

JsonObject = dict[str, Any]
Filler = Callable[[Any, Mapping[str, Any]], Any]
_PATH = re.compile(r"\$\$?(\.[A-Za-z_][A-Za-z0-9_]*)*")
_FORMAT = re.compile(r"States\.Format\('([^'\\]*)'((?:, *\$\$?[A-Za-z0-9_.]*)*)\)")


class Unsupported(Exception):
    """A definition uses what this interpreter does not know."""


class BadPath(Exception):
    """A path leads nowhere. Step Functions fails the execution and no Catch can help it."""


def refuse_others(what: str, given: Mapping[str, Any], known: set[str]) -> None:
    """Raise Unsupported for fields that would otherwise be ignored."""
    if unknown := sorted(given.keys() - known - {"Comment"}):
        raise Unsupported(f"{what}: {', '.join(unknown)}")


def find(path: str, data: Any, context: Mapping[str, Any]) -> Any:
    """Return what a path leads to, in the state's data (`$`) or the context object (`$$`)."""
    is_of_context, names = _names_in(path)
    found = context if is_of_context else data
    try:
        for name in names:
            found = found[name]
    except (KeyError, TypeError):
        known = sorted(data) if isinstance(data, dict) else data
        raise BadPath(f"{path} is not in {known!r}") from None
    return found


@cache
def _names_in(path: str) -> tuple[bool, list[str]]:
    if not _PATH.fullmatch(path):
        raise Unsupported(f"path {path}")
    return path.startswith("$$"), path.lstrip("$").split(".")[1:]


def filled(template: Any, data: Any, context: Mapping[str, Any]) -> Any:
    """Return a payload template with its paths and intrinsic functions replaced."""
    known = _FILLERS.get(id(template))
    if known is None:  # it is kept, so that its id stays its own
        known = _FILLERS[id(template)] = (template, _filler(template))
    return known[1](data, context)


_FILLERS: dict[int, tuple[Any, Filler]] = {}


def _filler(template: Any) -> Filler:
    """Look through a template once: the long tests fill it a million times."""
    if isinstance(template, list):
        items = [_filler(item) for item in template]
        return lambda data, context: [fill(data, context) for fill in items]
    if not isinstance(template, dict):
        return lambda _data, _context: template
    fields = [
        (name.removesuffix(".$"), _reader(value)) if name.endswith(".$") else (name, _filler(value))
        for name, value in template.items()
    ]
    return lambda data, context: {name: fill(data, context) for name, fill in fields}


def _reader(expression: str) -> Filler:
    """Return what `computed` does, in short for nearly all fields: they are one of the data's."""
    is_of_data = expression[0] == "$" and expression[1:2] == "."
    if not is_of_data or len(names := _names_in(expression)[1]) > 1:
        return partial(computed, expression)
    (name,) = names

    def read(data: Any, context: Mapping[str, Any]) -> Any:
        try:
            return data[name]
        except (KeyError, TypeError):
            return find(expression, data, context)

    return read


def computed(expression: str, data: Any, context: Mapping[str, Any]) -> Any:
    """Return what a path or an intrinsic function comes to."""
    if expression[0] == "$":
        return find(expression, data, context)
    call = _FORMAT.fullmatch(expression)
    if call is None:
        raise Unsupported(f"intrinsic function {expression}")
    paths = [path.strip() for path in call[2].split(",")[1:]]
    return call[1].format(*(find(path, data, context) for path in paths))


def put(data: Any, path: str | None, value: Any) -> Any:
    """Return the data with a value at a ResultPath; the data itself stays as it was."""
    if path is None:
        return data
    if not _PATH.fullmatch(path) or path.startswith("$$"):
        raise Unsupported(f"ResultPath {path}")
    names = path.split(".")[1:]
    return _put(data, names, value) if names else value


def _put(data: Any, names: list[str], value: Any) -> JsonObject:
    inner = data if isinstance(data, dict) else {}
    below = _put(inner.get(names[0]), names[1:], value) if names[1:] else value
    return {**inner, names[0]: below}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "IsNull": lambda value, wanted: (value is None) == wanted,
    "IsString": lambda value, wanted: isinstance(value, str) == wanted,
    "IsBoolean": lambda value, wanted: isinstance(value, bool) == wanted,
    "IsNumeric": lambda value, wanted: _is_number(value) == wanted,
    "BooleanEquals": lambda value, wanted: isinstance(value, bool) and value == wanted,
    "StringEquals": lambda value, wanted: isinstance(value, str) and value == wanted,
    "NumericEquals": lambda value, wanted: _is_number(value) and value == wanted,
    "NumericGreaterThan": lambda value, wanted: _is_number(value) and value > wanted,
    "NumericGreaterThanEquals": lambda value, wanted: _is_number(value) and value >= wanted,
    "NumericLessThan": lambda value, wanted: _is_number(value) and value < wanted,
    "NumericLessThanEquals": lambda value, wanted: _is_number(value) and value <= wanted,
}


def holds(rule: Mapping[str, Any], data: Any, context: Mapping[str, Any]) -> bool:
    """Say whether a Choice rule is true of the data; `check_rule` has nothing against it."""
    if "And" in rule:
        return all(holds(part, data, context) for part in rule["And"])
    if "Or" in rule:
        return any(holds(part, data, context) for part in rule["Or"])
    if "Not" in rule:
        return not holds(rule["Not"], data, context)
    if "IsPresent" in rule:
        with suppress(BadPath):
            find(rule["Variable"], data, context)
            return bool(rule["IsPresent"])
        return not rule["IsPresent"]
    test = next(name for name in rule if name in _TESTS)
    return _TESTS[test](find(rule["Variable"], data, context), rule[test])


def check_rule(rule: Mapping[str, Any]) -> None:
    """Raise Unsupported for a Choice rule that cannot be evaluated, before anything runs."""
    for name in ("And", "Or", "Not"):
        if name in rule:
            refuse_others(f"Choice rule with {name}", rule, {name, "Next"})
            for part in [rule[name]] if name == "Not" else rule[name]:
                check_rule(part)
            return
    tests = rule.keys() - {"Variable", "Next", "Comment"}
    if len(tests) != 1 or not tests <= {*_TESTS, "IsPresent"} or "Variable" not in rule:
        raise Unsupported(f"Choice rule {dict(rule)}")
