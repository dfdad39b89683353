"""What an answer says beside its rows: there are more, it failed, or nobody knows what. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

# Names in an answer, lower case letters alone: how many rows or pages there are, that more follow,
# that this is all, and which rows these are.
_ROWS = re.compile(
    r"(?!(x|n|num|number|of|all|odata)+$)(x|n|odata|num|number|of|all|total|overall|filtered"
    r"|matched|matching|hidden|available|found|hits?|counts?|rows?|records?|results?|items?"
    r"|elements?|entry|entries|objects?|documents?)+"
)
_PAGES = re.compile(r"(total|num|number|page)?(of)?(pages|pagecount)|lastpage")
_MORE = re.compile(
    r"(odata)?next(?!js).*|has(next|more).*|more|remaining(pages?|rows|records?|results|items|count)?"
    r"|(?!prev|start|end|current).*cursor|continuation.*|lastevaluatedkey"
    r"|(is)?(truncated|partial|incomplete)(page|results?|rows|data|response)?"
)
_ALL = re.compile(r"(is)?(complete|last|done|ready|finished|final|whole|loaded)d?(page)?")
# That an answer is none, whatever its status: names that say so or deny it, texts that may, and
# what is no trouble.
_FAILED = re.compile(
    r"(has|is|in)?(errors?(count|code|details|messages?)?|exceptions?|fail(ed|ures?)(count)?"
    r"|timedout|degraded|stale|maintenance)"
)
_FINE = re.compile(r"(is)?(ok|success|successful)")
_TEXTS = re.compile(r"status|code|statuscode|message|detail|warnings?")
_STATUS = re.compile(r"status|code|statuscode")  # one with parts is of what is listed
_TROUBLE = re.compile(
    r"error|fail|timed?[ _-]?out|unavailab|degraded|partial|partly|incomplete|rolled[ _-]back"
    r"|^rejected$|^[45][0-9]{2}$"
)
# That what is listed may not be all, or not yet.
_NOT_ALL = re.compile(
    rf"{_TROUBLE.pattern}|processing|progress|queued|loading|throttl|too many|try again"
    r"|stale|\blag|permission|denied|forbidden|pending|maintenance"
)
_BENIGN = re.compile(
    r"\b(no|0|without|any)[ _-]+(\w+[ _-]+){0,2}(error|fail|reject|partial|pending|queued)\w*"
    r"|(error|fail|reject)\w*( \w+)? *[:=] *(0|no|none|null|false)\b"
    r"|\b(done|finished|completed)[ _-]processing|processing[ _-](done|finished|completed?)"
    r"|\b(scheduled|planned) maintenance\b|\bpending (removal|deprecation)\b"
)
_NOTHING = re.compile(r"[\W0]*|false|none|null|no|n/?a|not applicable|ok|success")
_ELSEWHERE = re.compile(r"ratelimit|quota|^params$")  # numbers and parts that are of no rows
# What an answer says of itself, or of the page that was asked for, is nothing of its rows: by its
# name, or as a number or a link; and a text all of whose words say that all went well.
_ABOUT = re.compile(
    r"(request|trace|correlation|span|query|account|seller|customer|contract|tenant|listing)?(uu)?id"
    r"|(api|schema)?version|.*(prev.*|sort(ed)?|order(ing|by)?|cursor|label|paged)|rel|active"
    r"|empty|first|(current|items?|results|this)?(per)?page.*"
)
_PLACE = re.compile(
    r"from|to|number|current|limit|offset"
    r"|(took|duration|elapsed|latency|qtime)(time)?(in)?(ms|millis|s)?"
)
_LINK = re.compile(r"(https?:/)?/\S*")
_KIND = re.compile(rf"{_TEXTS.pattern}|object|type|kind")
_WENT_WELL = re.compile(
    r"2[0-9]{2}|((success\w*|ok(ay)?|done|retrieved|fetched|listed|completed?|no|found|matching"
    r"|metering|usage|data|list|records?|results?|rows?|requests?|filters?|contract|for|the|given"
    r"|was|were|has|have|been)\b\W*)+"
)
_DEEPEST = 5
_MOST_DIGITS = 18  # of a number that is larger than any count
# A number of rows, as a word or with one.
_NUMBER = re.compile(r"([0-9][0-9,]*)(\.0*)?( [a-z]+)?", re.IGNORECASE)
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
        is_part = isinstance(value, Mapping) and "next" not in word
        is_said = is_something(value) or (value == "0" and "cursor" in word)
        no = ("false", "no") if word == "last" else ("false", "no", "0")
        denied = _ALL.fullmatch(word) and _text(value).casefold() in no
        follows = (_MORE.fullmatch(word) and is_said and not is_part) or denied
        if rows_left or pages_left or (follows and not echo):
            return f"{name} is {str(value)[:100]}"
    return ""


def says_not_all(body: Mapping[str, Any], rows: str) -> str:
    """Return what in a listing shows that it failed, or is not there as a whole; empty if not."""
    return says_failed(body, rows, _NOT_ALL)


def says_failed(
    body: Mapping[str, Any], rows: str, trouble: re.Pattern[str] = _TROUBLE, levels: int = 3
) -> str:
    """Return what in an answer shows that it failed; empty if nothing does.

    A number of what failed may be of its rows, so it says nothing.
    """
    for name, value in flat(body, rows, levels):
        word, text = plain(name), _BENIGN.sub("", _text(value).casefold())
        counts = word.startswith("fail") and str(value).isdecimal() and bool(body.get(rows))
        failed = _FAILED.fullmatch(word) and not counts and is_something(value)
        denied = _FINE.fullmatch(word) and text in ("false", "no")
        parts = _STATUS.fullmatch(word) and isinstance(value, Mapping | list)
        says = _TEXTS.fullmatch(word) and not parts and trouble.search(text)
        if failed or denied or says:
            return f"{name} is {_text(value)[:100]}"
    return ""


def unclear(body: Mapping[str, Any], rows: str, known: Callable[[str, str], bool]) -> str:
    """Return what in a listing is not understood, so that it may say that rows are missing.

    `known`: whether a value under a name says nothing of them.
    """
    for name, value in flat(body, rows, _DEEPEST):
        word, values = plain(name), value if isinstance(value, list) else [value]
        texts = [_text(one).casefold() for one in values]
        is_leaf = not any(isinstance(one, Mapping) for one in values)
        counts = _ROWS.fullmatch(word) and not word.startswith(("hidden", "filtered"))
        is_number = counts or _PAGES.fullmatch(word) or _PLACE.fullmatch(word)
        understood = (
            (is_number and as_number(value) is not None)
            or any(of.fullmatch(word) for of in (_ABOUT, _MORE, _FINE))
            or (_ALL.fullmatch(word) and texts[0] in ("true", "yes"))
            or (_KIND.fullmatch(word) and all(map(_WENT_WELL.fullmatch, texts)))
            or all(_LINK.fullmatch(text) or known(word, text) for text in texts)
        )
        if is_leaf and is_something(value) and not understood:
            return f"{name} {_text(value)[:100]!r} is not understood"
    return ""


def _text(value: object) -> str:
    try:
        return str(value)
    except RecursionError:
        return "nested too deeply"


def is_something(value: object, levels: int = _DEEPEST) -> bool:
    """Return True unless a value says that there is nothing, as far down as it is looked at."""
    if isinstance(value, Mapping | list) and levels:
        inner = value.values() if isinstance(value, Mapping) else value
        return any(is_something(one, levels - 1) for one in inner)
    return not _NOTHING.fullmatch(_BENIGN.sub("", _text(value).casefold()))


def totals(body: Mapping[str, Any], rows: str) -> set[int | None]:
    """Return how many rows an answer says there are."""
    return {as_number(value) for name, value in flat(body, rows) if _ROWS.fullmatch(plain(name))}


def flat(body: Mapping[str, Any], rows: str, levels: int = 3) -> Iterator[tuple[str, Any]]:
    """Yield what an answer says beside its rows, some levels down; a link by its relation."""
    if "rel" in body:
        yield str(body["rel"]), body.get("href")
    for name, value in body.items() if levels else ():
        inner = value if isinstance(value, list) else [value]
        is_elsewhere = _ELSEWHERE.search(plain(name)) and (
            isinstance(value, Mapping) or as_number(value) is not None
        )
        if name != rows and not is_elsewhere:
            yield name, value.get("value", value) if isinstance(value, Mapping) else value
            for found in inner:
                yield from flat(found, rows, levels - 1) if isinstance(found, Mapping) else ()


def plain(name: str) -> str:
    """Return a name as it is looked for here."""
    return re.sub(r"[^a-z]", "", name.lower())


def as_number(value: object) -> int | None:
    """Return a whole number, None for anything else."""
    found = _NUMBER.fullmatch(_text(value).strip())
    return int(found[1].replace(",", "")[:_MOST_DIGITS]) if found else None
