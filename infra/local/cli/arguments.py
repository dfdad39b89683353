"""What the command line was given, checked. A refusal says which option and what is wrong."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from functions.domain.credits.file import CONTROL_TOTALS
from functions.domain.month import format_instant
from functions.domain.plan import parse_plans
from functions.errors import BadInput


class BadArgument(Exception):
    """An option that cannot be used; the message is for the person who typed it."""


def execution_input(text: str | None, as_of: str | None, now: dt.datetime) -> dict[str, Any]:
    """The execution input with the time of the run in it."""
    given = {} if text is None else json_object(text, "--input")
    return {"as_of": timestamp(as_of, now), **given}


def json_object(text: str, option: str) -> dict[str, Any]:
    """A JSON object given directly, or as @FILE."""
    given = _json(text, option)
    if not isinstance(given, dict):
        raise BadArgument(f"{option} must be a JSON object")
    return given


def moment(text: str | None, now: dt.datetime) -> dt.datetime:
    """A moment in UTC; a day alone is its beginning."""
    if text is None:
        return now
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise BadArgument(f"--as-of {text!r} is not a time like 2025-08-02T00:00:00Z") from None
    if found.tzinfo is None and len(text) > len("2025-08-02"):
        raise BadArgument(f"--as-of {text!r} lacks its time zone, e.g. a Z at the end")
    return found.astimezone(dt.UTC) if found.tzinfo else found.replace(tzinfo=dt.UTC)


def timestamp(text: str | None, now: dt.datetime) -> str:
    """A moment as an execution input says it, to the second."""
    return format_instant(moment(text, now))


def plans(path: Path | None) -> list[dict[str, Any]] | None:
    """The plan configurations of a file, each one checked by the pipeline's own rules."""
    if path is None:
        return None
    try:
        found = _json(f"@{path}", "--plans")
        if not isinstance(found, list):
            raise BadArgument(f"--plans {path} must hold a JSON list of plan configurations")
        parse_plans(json.dumps(found))
    except BadInput as error:
        raise BadArgument(f"--plans {path}: {error}") from None
    return found


def base_url(text: str | None, option: str) -> str | None:
    """Refuse what is not the address of an HTTP API."""
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise BadArgument(f"{option} {text!r} is not a base URL like http://127.0.0.1:8080")
    return text.rstrip("/")


def state_folder(path: Path | None) -> Path | None:
    """Refuse what is there but is not a folder."""
    try:
        if path is not None and path.exists() and not path.is_dir():
            raise BadArgument(f"--state {path} is not a folder")
    except OSError as error:
        raise BadArgument(f"--state {path} cannot be used: {error.strerror}") from None
    return path


def folder(path: Path, option: str) -> Path:
    """Refuse what is not a folder."""
    if not path.is_dir():
        raise BadArgument(f"{option} {path} is not a folder")
    return path


def metadata(text: str | None) -> dict[str, str]:
    """Read what an upload says of itself, written as for `aws s3 cp --metadata`."""
    pairs = [part.partition("=") for part in text.split(",")] if text else []
    for name, equals, value in pairs:
        if name.lower() not in CONTROL_TOTALS or not equals:
            raise BadArgument(
                f"--metadata {name}{equals}{value} is not understood: give row-count=24, "
                "total-usd=122727.23 (without a comma in the number) or both, joined by a comma"
            )
    return {name.lower(): value for name, _, value in pairs}


@dataclass(frozen=True)
class Upload:
    """A file to be put into a bucket under its own name."""

    name: str
    body: bytes


def upload(path: Path) -> Upload:
    """Read a file now, so that nothing is uploaded when a later one cannot be read."""
    try:
        path.name.encode()
        return Upload(path.name, path.read_bytes())
    except OSError as error:
        raise BadArgument(f"FILE {path} cannot be read: {error.strerror}") from None
    except UnicodeEncodeError:
        raise BadArgument(f"the name of FILE {path} is not valid UTF-8") from None


def _json(text: str, option: str) -> Any:
    """JSON given directly, or as @FILE."""
    where = option
    if text.startswith("@"):
        path = Path(text[1:])
        where = f"{option} {path}"
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadArgument(f"{option} {path} cannot be read: {_reason(error)}") from None
    try:
        return json.loads(text, parse_constant=_refused)
    except ValueError as error:
        raise BadArgument(f"{where} is not valid JSON: {error}") from None


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return str(error.strerror if isinstance(error, OSError) else error)


def _refused(word: str) -> None:
    raise ValueError(f"{word} is not a number in JSON")
