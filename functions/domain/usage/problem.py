"""Why usage cannot be billed, with its place: object and line."""

import json

import msgspec

_BETWEEN = " \t\r\n,"  # records


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why usage cannot be billed: which object, which line, what stands there."""

    key: str
    detail: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.key}{f' line {self.line}' if self.line else ''}: {self.detail}"


def line_of_error(body: bytes, error: Exception) -> int | None:
    """Return the line that a decoder's message points at."""
    text = str(error)
    if "(byte " in text:
        position = int(text.rpartition("(byte ")[2].removesuffix(")"))
        return body[:position].count(b"\n") + 1
    if "`$[" in text:
        return line_of_record(body, int(text.partition("`$[")[2].partition("]")[0]))
    return 1


def line_of_record(body: bytes, index: int) -> int | None:
    """Return the line on which a record starts. Slow: only used to explain a refusal."""
    text = body.decode(errors="replace")
    decoder, position = json.JSONDecoder(), text.find("[") + 1
    try:
        for _ in range(index):
            position = decoder.raw_decode(text, _skip(text, position))[1]
    except (ValueError, RecursionError):
        return None
    return text[: _skip(text, position)].count("\n") + 1


def _skip(text: str, position: int) -> int:
    rest = range(position, len(text))
    return next((at for at in rest if text[at] not in _BETWEEN), len(text))
