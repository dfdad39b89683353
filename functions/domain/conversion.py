"""Reading a typed value, and saying what is wrong with one that cannot be read."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from functions.errors import BadInput

T = TypeVar("T")
NOT_BLANK = r"\S"
# A workbook, new or old; UTF-16 with its mark, and with an ASCII letter first without; and text
# that is of neither kind that is read here.
_NOT_TEXT = {
    rb"PK\x03\x04|\xd0\xcf\x11\xe0": "a workbook",
    rb"\xff\xfe|\xfe\xff|\x00[^\x00]|[^\x00]\x00": "UTF-16",
    rb"\x1f\x8b": "compressed",
    rb"%PDF": "a PDF",
    rb"\{\\rtf": "RTF",
    rb"(\xef\xbb\xbf)?\s*<": "HTML or XML",
    rb"version https://git-lfs": "a pointer of Git LFS",
}


def parse(value: Any, kind: type[T], what: str = "") -> T:
    """Read a value; BadInput names the place, what stands there, and what may."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        said = str(error).replace(f"matching regex {NOT_BLANK!r}", "that is not blank")
        raise BadInput(f"{what or kind.__name__}: {said}{_explain(value, kind, said)}") from error


def _explain(value: Any, kind: type, said: str) -> str:
    """Return the value at the place that a message names, and the known names of its kind."""
    place = re.search(r"at `\$((?:\.\w+)+)", said)
    found: Any = inspect.type_info(kind)
    for name in place[1][1:].split(".") if place else ():
        value = value[name]
        found = next(field.type for field in found.fields if field.encode_name == name)
        if isinstance(found, inspect.UnionType):  # optional: what it holds if it holds something
            found = next(of for of in found.types if not isinstance(of, inspect.NoneType))
    shown = f": {value!r}"[:200] if place else ""
    if "unknown field" in said:
        return f"{shown}; known are {', '.join(field.encode_name for field in found.fields)}"
    if "enum value" in said:
        return f"{shown}; known are {', '.join(map(str, found.values))}"
    return shown


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; ValueError names a key with two values: one would be lost."""
    found = dict(pairs)
    for name, value in pairs if len(found) < len(pairs) else ():
        if found[name] != value:
            raise ValueError(f"duplicate key {name!r} in one object")
    return found


def not_text(body: bytes) -> str:
    """Return what a file is that is neither CSV nor JSON in UTF-8; empty if it may be that."""
    return next((kind for start, kind in _NOT_TEXT.items() if re.match(start, body)), "")


def given(field: str, read: Callable[[str], T], text: str) -> T:
    """Read a text; BadInput names its field."""
    try:
        return read(text)
    except ValueError as error:
        raise BadInput(f"{field}: {error}") from error
