"""Reading a listing page by page, without trusting that a page is the last one. Pure."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec.structs import replace

from functions.domain.ledger.listing import Listing, identity, with_rows
from functions.domain.ledger.reading import as_uuid
from functions.domain.month import Month

PAGE_SIZE = 100
_MOST_PAGES = 10_000
# Names in an answer, lower case letters alone: how many rows or pages there are, and what is next.
_ROWS = re.compile(
    r"total|count|(total|record|result|item|row)s?(count|records|results|items|rows|elements)"
)
_PAGES = re.compile(r"(total|num|number|page)?(of)?(pages|pagecount)|lastpage")
_MORE = re.compile(
    r"next.*|hasmore.*|remaining.*|hasnext.*|more|(?!prev).*cursor|continuation.*|(is)?truncated"
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """How far a listing has been read; kept where one invocation is too short for all of it.

    `queries`: the requests that are still to be made, the next one first. Of the current query:
    `rows` and `pages` so far, `last` the rows of the page before, `more` what it says is missing.
    `answered`: a page of some query was.
    """

    begun: str
    queries: tuple[dict[str, str], ...]
    rows: int = 0
    pages: int = 0
    last: frozenset[str] = frozenset()
    more: str = ""
    answered: bool = False
    listing: Listing = Listing()


def ask(contract: str, begun: str) -> Asked:
    """Return the requests for a contract: in our spelling and, for a UUID, in the usual one.

    All dimensions share one listing: a filter for one would hide it where it is spelled otherwise.
    There is no filter for a window.
    """
    common = {"page": "1", "page_size": str(PAGE_SIZE)}
    names = dict.fromkeys((contract, str(as_uuid(contract) or contract)))
    return Asked(begun=begun, queries=tuple({"contract_id": name, **common} for name in names))


def turn(asked: Asked, body: Mapping[str, Any], contract: str, month: Month) -> Asked:
    """Take in one page (`{"results": [row, ...]}`, {} behind the last one); return what is left.

    A query ends with a page that brings nothing new, because pages may be smaller than asked for.
    """
    rows: list[Any] = body.get("results", [])
    query, *others = asked.queries
    shown = frozenset(_digest(identity(row, index)) for index, row in enumerate(rows))
    fresh = shown - asked.last
    seen, pages = asked.rows + len(fresh), asked.pages + 1
    more = _says_more(body, query, seen, pages) if body else asked.more
    listing = with_rows(asked.listing, rows, contract, month, datetime.fromisoformat(asked.begun))
    if fresh and pages < _MOST_PAGES:
        return replace(
            asked,
            queries=(_next_query(query, body, pages + 1), *others),
            rows=seen,
            pages=pages,
            last=shown,
            more=more,
            answered=True,
            listing=listing,
        )
    totals = [_number(value) for name, value in _flat(body) if _ROWS.fullmatch(_plain(name))]
    if not more and (fresh or len(rows) >= PAGE_SIZE) and seen not in totals:
        more = f"page {pages} is full"
    if more:
        text = f"the listing ends after {seen} records although {more}"
        listing = Listing(listing.stored, {**listing.doubts, "": text})
    return Asked(begun=asked.begun, queries=tuple(others), answered=True, listing=listing)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _next_query(query: Mapping[str, str], body: Mapping[str, Any], page: int) -> dict[str, str]:
    """Return the query of the next page: its number, and what the receiver says of it."""
    said: dict[str, str] = {}
    for name, value in _flat(body):
        if isinstance(value, str) and "?" in value and _plain(name) in ("next", "nexturl"):
            said = dict(parse_qsl(urlsplit(value).query))
        elif isinstance(value, str) and value and "nextcursor" in _plain(name):
            said = {"cursor": value}
    return {**query, "page": str(page), **said}


def _says_more(body: Mapping[str, Any], query: Mapping[str, str], seen: int, pages: int) -> str:
    """Return what in an answer shows that there is more than was seen; empty if nothing does."""
    for name, value in _flat(body):
        plain, number = _plain(name), _number(value) or 0
        rows_left = _ROWS.fullmatch(plain) and number > seen
        pages_left = _PAGES.fullmatch(plain) and number > pages
        echo = plain == "cursor" and value == query.get("cursor")
        if rows_left or pages_left or (_MORE.fullmatch(plain) and value and not echo):
            return f"{name} is {str(value)[:100]}"
    return ""


def _flat(body: Mapping[str, Any], levels: int = 3) -> Iterator[tuple[str, Any]]:
    """Yield what an answer says beside its rows, some levels down; a link by its relation."""
    yield str(body.get("rel")), body.get("href")
    for name, value in body.items() if levels else ():
        inner = value if isinstance(value, list) else [value]
        if name != "results":
            yield name, value
            for found in inner:
                yield from _flat(found, levels - 1) if isinstance(found, Mapping) else ()


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isdecimal() else None
