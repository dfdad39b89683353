"""What an answer says beside its rows: that there are more, or that it failed. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

# Names in an answer, lower case letters alone: how many rows or pages there are, that more follow,
# that this is all, and which rows these are.
_ROWS = re.compile(
    r"total|count|(total|record|result|item|row)s?(count|records|results|items|rows|elements)"
)
_PAGES = re.compile(r"(total|num|number|page)?(of)?(pages|pagecount)|lastpage")
_MORE = re.compile(
    r"next.*|has(next|more).*|more|remaining.*|(?!prev).*cursor|continuation.*|lastevaluatedkey"
    r"|(is)?(truncated|partial|incomplete)"
)
_ALL = re.compile(r"(is)?(complete|last)(page)?")
# That an answer is none, whatever its status: names that say so or deny it, texts that may, and
# what is no trouble.
_FAILED = re.compile(
    r"(has|is)?(errors?(count|code|details|messages?)?|exceptions?|fail(ed|ures?)|timedout|degraded)"
)
_FINE = re.compile(r"(is)?(ok|success|successful)")
_TEXTS = re.compile(r"status|code|statuscode|message|detail|warnings?")
_TROUBLE = re.compile(
    r"error|fail|timed?[ _-]?out|unavailab|degraded|partial|partly|incomplete"
    r"|^rejected$|^[45][0-9]{2}$"
)
_BENIGN = re.compile(r"\b(no|0|without|any)[ _-]+(\w+[ _-]+)?(error|fail|reject|partial)\w*")
_NOTHING = re.compile(r"[\W0]*|false|none|null|no|ok|success")
_DEEPEST = 5
_MOST_DIGITS = 18  # of a number that is larger than any count
_RANGE = re.compile(r"[0-9]+-[0-9]+/([0-9]+)")


def says_more(
    body: Mapping[str, Any], rows: str, seen: int, pages: int = 1, cursor: str | None = None
) -> str:
    """Return what in an answer shows that there is more than was seen; empty if nothing does.

    `rows`: the name of its rows. `cursor`: what was asked for, which an answer may repeat.
    """
    for name, value in flat(body, rows):
        word, number = plain(name), as_number(value) or 0
        of = _RANGE.search(value) if isinstance(value, str) and word.endswith("range") else None
        rows_left = (_ROWS.fullmatch(word) and number > seen) or (of and int(of[1]) > seen)
        pages_left = _PAGES.fullmatch(word) and number > pages
        echo = word == "cursor" and value == cursor
        is_said = bool(value) and (word.startswith("next") or not isinstance(value, Mapping))
        follows = (_MORE.fullmatch(word) and is_said) or (_ALL.fullmatch(word) and value is False)
        if rows_left or pages_left or (follows and not echo):
            return f"{name} is {str(value)[:100]}"
    return ""


def says_failed(body: Mapping[str, Any], rows: str) -> str:
    """Return what in an answer shows that it failed; empty if nothing does.

    A number of what failed may be of its rows, so it says nothing.
    """
    for name, value in flat(body, rows):
        word, text = plain(name), _BENIGN.sub("", _text(value).casefold())
        counts = word.startswith("fail") and as_number(value) is not None
        failed = _FAILED.fullmatch(word) and not counts and _is_something(value)
        denied = _FINE.fullmatch(word) and text in ("false", "no")
        if failed or denied or (_TEXTS.fullmatch(word) and _TROUBLE.search(text)):
            return f"{name} is {_text(value)[:100]}"
    return ""


def _text(value: object) -> str:
    try:
        return str(value)
    except RecursionError:
        return "nested too deeply"


def _is_something(value: object, levels: int = _DEEPEST) -> bool:
    """Return True unless a value says that there is nothing, as far down as it is looked at."""
    if isinstance(value, Mapping | list) and levels:
        inner = value.values() if isinstance(value, Mapping) else value
        return any(_is_something(one, levels - 1) for one in inner)
    return not _NOTHING.fullmatch(_BENIGN.sub("", _text(value).casefold()))


def totals(body: Mapping[str, Any], rows: str) -> set[int | None]:
    """Return how many rows an answer says there are."""
    return {as_number(value) for name, value in flat(body, rows) if _ROWS.fullmatch(plain(name))}


def flat(body: Mapping[str, Any], rows: str, levels: int = 3) -> Iterator[tuple[str, Any]]:
    """Yield what an answer says beside its rows, some levels down; a link by its relation."""
    yield str(body.get("rel")), body.get("href")
    for name, value in body.items() if levels else ():
        inner = value if isinstance(value, list) else [value]
        if name != rows:
            yield name, value
            for found in inner:
                yield from flat(found, rows, levels - 1) if isinstance(found, Mapping) else ()


def plain(name: str) -> str:
    """Return a name as it is looked for here."""
    return re.sub(r"[^a-z]", "", name.lower())


def as_number(value: object) -> int | None:
    """Return a whole number, None for anything else."""
    text = str(value)
    return int(text[:_MOST_DIGITS]) if text.isdecimal() else None
