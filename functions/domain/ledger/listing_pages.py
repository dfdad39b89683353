"""Reading a listing page by page, without trusting that a page is the last one. Pure."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec.structs import replace

from functions.domain.envelope import as_number, flat, plain, says_more, totals, unclear
from functions.domain.ledger.listing import Listing, identity, with_rows
from functions.domain.ledger.reading import as_uuid, read_time
from functions.domain.month import Month

PAGE_SIZE = 100
_MOST_PAGES, _RESULTS = 2_000, "results"
_CLOCKS_DIFFER, _LOOKS = timedelta(minutes=1), timedelta(minutes=15)
_NEXT_LINK = re.compile(r"(odata)?next(page)?(ur[li]|link)?")
_NEXT_TOKEN = re.compile(
    r"(?:x-)?next[-_]?((?:page|continuation)?[-_]?(?:cursor|token))", re.IGNORECASE
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """How far a listing has been read; kept where one invocation is too short for all of it.

    `queries`: the requests that are still to be made, the next one first. Of the current query:
    `seen` the rows and `pages` so far, `more` what it says is missing, `moved` that a page has
    brought rows of another one beside new ones. `answered`: a page of some query was.
    """

    begun: str
    queries: tuple[dict[str, str], ...]
    seen: frozenset[str] = frozenset()
    pages: int = 0
    more: str = ""
    moved: bool = False
    answered: bool = False
    listing: Listing = Listing()

    @property
    def rows(self) -> int:
        """How many rows were seen, each once."""
        return len(self.seen)


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
    rows: list[Any] = body.get(_RESULTS, [])
    query, *others = asked.queries
    shown = frozenset(_digest(identity(row, index)) for index, row in enumerate(rows))
    fresh, seen, pages = shown - asked.seen, shown | asked.seen, asked.pages + 1
    more = _says_more(body, query, len(seen), pages) if body else asked.more
    moved = asked.moved or (bool(fresh) and fresh != shown)
    listing = _listing(asked, body, contract, month)
    if fresh and pages < _MOST_PAGES:
        return replace(
            asked,
            queries=(_next_query(query, body, pages + 1), *others),
            seen=seen,
            pages=pages,
            more=more,
            moved=moved,
            answered=True,
            listing=listing,
        )
    if not more and len(seen) not in totals(body, _RESULTS):
        is_full = fresh or len(rows) >= PAGE_SIZE
        more = f"page {pages} is full" if is_full else "its pages have moved" if moved else ""
    if more:
        text = f"the listing ends after {len(seen)} records although {more}"
        listing = replace(listing, doubts={**listing.doubts, "": text})
    return Asked(begun=asked.begun, queries=tuple(others), answered=True, listing=listing)


def _says_more(body: Mapping[str, Any], query: Mapping[str, str], seen: int, pages: int) -> str:
    """Return what shows that there are more rows; beside none those under another name do."""
    for name, value in flat(body, _RESULTS) if not body.get(_RESULTS) else ():
        inner = value if isinstance(value, list) else [value]
        fields = {"contract_id"} if inner is value else {"contract_id", "quantity"}
        if any(isinstance(one, Mapping) and fields <= one.keys() for one in inner):
            return f"{name} holds records"
    return says_more(body, _RESULTS, seen, pages, query.get("cursor"))


def _listing(asked: Asked, body: Mapping[str, Any], contract: str, month: Month) -> Listing:
    """Return the listing with a page; what was asked for, and when, needs no understanding."""
    begun, query = datetime.fromisoformat(asked.begun), asked.queries[0]

    def is_known(word: str, text: str) -> bool:
        time, number = read_time(text), as_number(text)
        is_now = time is not None and begun - _CLOCKS_DIFFER <= time < begun + _LOOKS
        is_asked = text == query["contract_id"].casefold() or (word, number) == ("size", PAGE_SIZE)
        is_young = word == "age" and number is not None and number <= _CLOCKS_DIFFER.seconds
        return is_now or is_asked or is_young

    said = {**body, "headers": {"age": body.get("headers", {}).get("age")}}
    remark = asked.listing.unclear or unclear(said, _RESULTS, is_known)
    known = replace(asked.listing, unclear=remark)
    return with_rows(known, body.get(_RESULTS, []), contract, month, begun)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _next_query(query: Mapping[str, str], body: Mapping[str, Any], page: int) -> dict[str, str]:
    """Return the query of the next page: its number, and what the receiver says of it.

    A link says it in its parameters; `next_cursor` is a `cursor`, `nextPageToken` a `pageToken`.
    """
    said: dict[str, str] = {}
    for name, value in flat(body, _RESULTS):
        target = value.get("href") if isinstance(value, Mapping) else value
        if isinstance(target, str) and "?" in target and _NEXT_LINK.fullmatch(plain(name)):
            said = dict(parse_qsl(urlsplit(target).query))
        elif (found := _NEXT_TOKEN.fullmatch(name)) and isinstance(value, str) and value:
            said = {found[1][0].lower() + found[1][1:]: value}
    return {**query, "page": str(page), **said}
