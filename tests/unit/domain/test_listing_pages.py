"""Reading a listing page by page: every row once, and a doubt wherever more may be hidden."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.ledger import listing_pages
from functions.domain.ledger.listing_pages import PAGE_SIZE, Asked, ask, turn
from tests.builders import AUGUST_2, JULY
from tests.differential.steadily import steadily

BEGUN = AUGUST_2.isoformat()
A_UUID = "1b4e28ba-2fa1-11d2-883f-b9a761bde3fb"
URL = "https://api.example/metering/?"


def a_row(number: int, **fields: Any) -> dict[str, Any]:
    window = {"start_time": "2025-07-01T00:00:00Z", "quantity": "5", "status": "success"}
    return {"id": f"r-{number}", "contract_id": "c-1", "dimension": "cpu", **window, **fields}


def rows(count: int) -> list[dict[str, Any]]:
    return [a_row(number) for number in range(count)]


def asked() -> Asked:
    return ask("c-1", BEGUN)


def read(*bodies: Mapping[str, Any]) -> Asked:
    """Take in these pages, in order, as long as one is asked for."""
    found = asked()
    for body in bodies:
        assert found.queries, f"{body} is not asked for"
        found = turn(found, body, "c-1", JULY)
    return found


def seen(found: Asked) -> list[str]:
    return [record.record_id for record in found.listing.of("cpu")]


def doubt(found: Asked) -> str:
    assert not found.queries, "the listing has not ended"
    return found.listing.doubt("cpu")


# What is asked for


def test_all_dimensions_are_asked_for_in_one_listing() -> None:
    """A filter for one would hide it where the receiver spells it otherwise."""
    first = {"contract_id": "c-1", "page": "1", "page_size": "100"}
    assert asked().queries == (first,)


def test_both_spellings_are_read_into_one_listing() -> None:
    found = ask(A_UUID.upper(), BEGUN)
    pages = [[a_row(0, contract_id=A_UUID.upper())], [], [a_row(1, contract_id=A_UUID)], []]
    for page in pages:
        found = turn(found, {"results": page}, A_UUID.upper(), JULY)
    assert (seen(found), doubt(found)) == (["r-0", "r-1"], "")


def test_a_doubt_about_one_spelling_stays_whatever_the_other_says() -> None:
    found = ask(A_UUID.upper(), BEGUN)
    bodies: list[dict[str, Any]] = [{"results": [], "count": 1}, {"results": []}]
    for body in bodies:
        found = turn(found, body, A_UUID.upper(), JULY)
    assert doubt(found) == "the listing ends after 0 records although count is 1"


# Where a listing ends


def test_the_pages_are_counted_up() -> None:
    found = read({"results": rows(100)})
    assert [query["page"] for query in found.queries] == ["2"]
    assert (found.rows, found.pages, found.answered) == (100, 1, True)
    ended = turn(found, {}, "c-1", JULY)
    assert (ended.begun, ended.answered, asked().answered) == (BEGUN, True, False)


def test_nothing_behind_the_last_page_ends_a_listing() -> None:
    """A 404 there is {}: what the page before said still counts."""
    assert doubt(read({"results": []})) == ""
    assert doubt(read({"results": rows(3)}, {})) == ""
    assert doubt(read({"results": rows(3), "count": 3}, {})) == ""
    more = doubt(read({"results": rows(3), "next": "x" * 101}, {}))
    assert more == f"the listing ends after 3 records although next is {'x' * 100}"
    assert doubt(read({"results": rows(PAGE_SIZE)}, {})) == ""


def test_a_server_that_ignores_the_page_gives_each_record_once() -> None:
    again = [dict(reversed(row.items())) for row in rows(2)]
    found = read({"results": rows(2)}, {"results": again})
    assert (seen(found), doubt(found)) == (["r-0", "r-1"], "")
    # A full one may hide others, unless it says that it does not.
    page = {"results": rows(PAGE_SIZE)}
    assert doubt(read(page, page)) == "the listing ends after 100 records although page 2 is full"
    assert doubt(read(page, {**page, "count": PAGE_SIZE})) == ""


def test_a_row_that_comes_again_beside_new_ones_has_pushed_another_one_off_its_page() -> None:
    pages: list[dict[str, Any]] = [
        {"results": found} for found in (rows(3), [a_row(2), a_row(3)], [])
    ]
    said = "the listing ends after 4 records although its pages have moved"
    assert doubt(read(*pages)) == said
    assert doubt(read(*pages[:2], {"results": [], "count": 4})) == ""
    counted = [{**page, "count": 5} for page in pages]
    assert doubt(read(*counted)) == "the listing ends after 4 records although count is 5"
    circle = [{"results": [a_row(number % 2)]} for number in range(3)]
    assert (seen(read(*circle)), doubt(read(*circle))) == (["r-0", "r-1"], "")


def test_records_beside_an_empty_listing_are_not_passed_over() -> None:
    said = "the listing ends after 0 records although data holds records"
    assert doubt(read({"results": [], "data": [{"contract_id": "c-1"}]})) == said
    assert "1 holds records" in doubt(read({"results": [], "records": {"1": a_row(1)}}))
    for fine in ({"errors": [{"code": "x"}]}, {"query": {"contract_id": "c-1", "page": 1}}):
        assert doubt(read({"results": [], **fine})) == ""


def test_two_thousand_pages_are_read_and_then_it_is_a_doubt(monkeypatch: Any) -> None:
    assert listing_pages._MOST_PAGES == 2_000  # noqa: SLF001
    monkeypatch.setattr(listing_pages, "_MOST_PAGES", 30)
    found, turned = asked(), 0
    while found.queries and turned < 40:
        page = {"results": [a_row(turned)]}  # a server that never ends
        found, turned = turn(found, page, "c-1", JULY), turned + 1
    assert turned == 30
    assert doubt(found) == "the listing ends after 30 records although page 30 is full"


@pytest.mark.parametrize(
    "said",
    [
        *({name: 3} for name in ("count", "total", "total_count", "totalCount", "total_records")),
        *({name: 3} for name in ("totalElements", "pages", "total_pages")),
        *({"count": "3"}, {"meta": {"total": 3}}, {"pagination": {"total_count": 3}}),
        *({"page": {"totalPages": "3"}}, {"next": f"{URL}page=2"}, {"next": "abc"}),
        *({"next_page": 2}, {"links": {"next": "/metering/?page=2"}}),
        {"_links": {"next": {"href": "/metering/?page=2"}}},
        *({name: "abc"} for name in ("next_cursor", "cursor", "next_page_token")),
        *({"meta": {"nextCursor": "abc"}}, {"continuation_token": "abc"}),
        *({name: True} for name in ("has_more", "has_next", "has_next_page", "truncated")),
        *({"hasMore": "true"}, {"is_truncated": True}, {"more": 1}),
        {"pageInfo": {"hasNextPage": True, "endCursor": "abc"}},
    ],
)
def test_a_listing_that_says_there_is_more_and_gives_none_is_a_doubt(said: dict[str, Any]) -> None:
    page = {"results": rows(2), **said}
    for ending in (page, {}, {**page, "results": []}):
        found = read(page, ending)
        assert seen(found) == ["r-0", "r-1"]
        assert doubt(found).startswith("the listing ends after 2 records although ")
    assert doubt(read({"results": [], **said})), "not even an empty one is believed"


@pytest.mark.parametrize(
    "said",
    [
        *({"count": count} for count in (2, 0, None, True)),
        {"total": "2", "pages": 1, "page": 1, "page_size": 100},
        {"next": None, "previous": f"{URL}page=0"},
        {"next": "", "prev_cursor": "abc"},
        {"next_cursor": None, "has_more": False},
        {"meta": {"next": None, "has_next": False, "truncated": False}},
        {"links": {}},
        {"request_id": "abc", "message": "2 records"},
    ],
)
def test_a_listing_that_says_it_is_whole_is_believed(said: dict[str, Any]) -> None:
    page = {"results": rows(2), **said}
    assert doubt(read(page, {**page, "results": []})) == ""
    assert doubt(read(page, {})) == ""


def test_what_any_page_says_and_nobody_understands_is_kept() -> None:
    said = {"index": "rebuilding"}
    text = "index 'rebuilding' is not understood"
    assert read({"results": rows(1), **said}, {"results": []}).listing.unclear == text
    assert read({"results": rows(1)}, {"results": [], **said}).listing.unclear == text
    kept = read({"results": rows(1), **said}, {"results": [], "other": "x"}).listing
    assert kept.by({"cpu"}).without(()).unclear == text


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        *(({"as_of": "2025-08-01T23:59:00Z"}, True), ({"as_of": "2025-08-01T23:58:59Z"}, False)),
        *(({"snapshot": AUGUST_2.timestamp()}, True), ({"snapshot": "2025-07-02"}, False)),
        *(({"of": "C-1"}, True), ({"of": "c-2"}, False), ({"size": 100}, True)),
        *(({"size": 1}, False), ({"missing": 100}, False), ({"headers": {"age": "60"}}, True)),
        *(({"headers": {"cache": "hit"}}, True), ({"headers": {"age": "61"}}, False)),
        *(({"until": "2025-08-02T00:14:59Z"}, True), ({"until": "2025-08-02T00:15:00Z"}, False)),
    ],
)
def test_what_was_asked_for_and_when_says_nothing_of_the_records(
    said: dict[str, Any], *, understood: bool
) -> None:
    assert (read({"results": [], **said}).listing.unclear == "") is understood


def test_what_is_said_of_the_rest_is_taken_from_the_newest_page() -> None:
    pages = [rows(4)[a : a + 2] for a in (0, 2, 4)]
    bodies = [{"results": page, "next": "more"} for page in pages[:1]]
    assert doubt(read(*bodies, {"results": pages[1], "next": None}, {})) == ""
    assert doubt(read(*bodies, {"results": pages[1], "next": "more"}, {"results": []})) == ""
    assert doubt(read(*bodies, {"results": pages[1], "next": "more"}, {}))


def test_a_cursor_is_sent_back_beside_the_page() -> None:
    for said in ({"next_cursor": "abc"}, {"meta": {"nextCursor": "abc"}}):
        (query,) = read({"results": rows(2), **said}).queries
        assert (query["cursor"], query["page"]) == ("abc", "2")


def test_a_next_address_is_followed_by_its_parameters_only() -> None:
    following = "https://elsewhere.example/other/?cursor=abc&page=7&contract_id=c-1"
    named = {"contract_id": "c-1", "page_size": "100"}
    for said in ({"next": following}, {"links": {"next": following}}, {"nextUrl": following}):
        (query,) = read({"results": rows(2), **said}).queries
        assert query == {**named, "page": "7", "cursor": "abc"}


@pytest.mark.parametrize(
    ("said", "parameter"),
    [
        *(({"_links": {"next": {"href": f"{URL}after=7"}}}, "after"),),
        *(
            ({"@odata.nextLink": f"{URL}after=7"}, "after"),
            ({"next_url": f"{URL}after=7"}, "after"),
        ),
        *(({"next_page_token": "7"}, "page_token"), ({"nextPageToken": "7"}, "pageToken")),
        *(({"NextToken": "7"}, "token"), ({"meta": {"next_cursor": "7"}}, "cursor")),
        ({"headers": {"next-cursor": "7"}}, "cursor"),
    ],
)
def test_what_leads_to_the_next_page_is_sent_back_in_its_own_name(
    said: dict[str, Any], parameter: str
) -> None:
    assert read({"results": rows(1), **said}).queries[0][parameter] == "7"


def test_a_cursor_that_is_only_the_one_that_was_sent_says_nothing() -> None:
    first = {"results": rows(2), "next_cursor": "abc"}
    assert doubt(read(first, {"results": [], "cursor": "abc", "next_cursor": None})) == ""


def test_rows_that_are_a_doubt_stay_one_whatever_follows() -> None:
    found = read({"results": [a_row(0, start_time=None)]}, {"results": rows(2)}, {"results": []})
    assert doubt(found) == "record r-0: start_time None is not understood"


# Every dialect


class Dialect(NamedTuple):
    """How a receiver pages: what it honours, and what it says beside its rows."""

    cap: int
    by: str  # page, cursor, next
    says: tuple[str, ...]
    nested: bool
    behind: str  # the last page: empty, 404


SAYINGS = ("count", "total_pages", "next", "has_more")
dialects = st.builds(
    Dialect,
    st.sampled_from([1, 2, 3, 7, 50, PAGE_SIZE]),
    st.sampled_from(["page", "cursor", "next"]),
    st.lists(st.sampled_from(SAYINGS), unique=True).map(tuple),
    st.booleans(),
    st.sampled_from(["empty", "404"]),
)


def answer(
    dialect: Dialect,
    query: Mapping[str, str],
    listed: Sequence[dict[str, Any]],
    *,
    held: int | None = None,
) -> dict[str, Any]:
    """Answer one request; `held`: how many there are, if not all of them are shown."""
    size = min(dialect.cap, int(query["page_size"]))
    total = len(listed) if held is None else held
    start = int(query["page"]) * size - size
    if dialect.by != "page":
        start = int(query.get("cursor", "0"))
    page = list(listed[start : start + size])
    following = start + (size if dialect.by == "page" else len(page))
    if not page and start and dialect.behind == "404":
        return {}
    more = following < total
    known: dict[str, Any] = {
        "count": {"count": total},
        "total_pages": {"total_pages": -(-total // size)},
        "has_more": {"has_more": more},
        "next": {"next": f"{URL}page={following // size + 1}" if more else None},
    }
    said = {name: value for word in dialect.says for name, value in known.get(word, {}).items()}
    if dialect.by == "cursor":
        said["next_cursor"] = str(following) if more else None
    if dialect.by == "next":
        said["next"] = f"{URL}cursor={following}" if more else None
    return {"results": page, **({"meta": said} if dialect.nested else said)}


def whole(
    dialect: Dialect,
    listed: Sequence[dict[str, Any]],
    held: int | None = None,
    between: Callable[[Asked], Asked] = lambda found: found,
) -> Asked:
    found = asked()
    for _ in range(len(listed) + 3):
        if not found.queries:
            break
        found = between(found)
        found = turn(found, answer(dialect, found.queries[0], listed, held=held), "c-1", JULY)
    return found


@steadily
@given(dialects, st.integers(0, 230))
def test_every_receiver_that_tells_the_truth_is_read_to_the_end_with_every_row_once(
    dialect: Dialect, count: int
) -> None:
    found = whole(dialect, rows(count))
    assert seen(found) == [f"r-{number}" for number in range(count)]
    assert doubt(found) == ""


@steadily
@given(dialects, st.integers(0, 230), st.integers(1, 300))
def test_a_receiver_that_hides_rows_and_says_that_there_are_more_is_a_doubt(
    dialect: Dialect, shown: int, hidden: int
) -> None:
    says = (*dialect.says, "count") if dialect.by == "page" else dialect.says
    found = whole(dialect._replace(says=says), rows(shown), held=shown + hidden)
    assert seen(found) == [f"r-{number}" for number in range(shown)]
    assert doubt(found).startswith(f"the listing ends after {shown} records although ")


@steadily
@given(dialects, st.integers(1, 230))
def test_a_receiver_that_ignores_how_it_is_paged_shows_its_first_page_and_a_doubt(
    dialect: Dialect, count: int
) -> None:
    """Nothing but page 1, for ever: whole only if it holds no more and says so."""
    found = asked()
    for _ in range(3):
        if found.queries:
            first = {**asked().queries[0], "page": "1"}
            found = turn(found, answer(dialect, first, rows(count)), "c-1", JULY)
    shown = min(dialect.cap, count)
    assert seen(found) == [f"r-{number}" for number in range(shown)]
    tells = dialect.by != "page" or dialect.says
    if count > shown and (tells or shown >= PAGE_SIZE):
        assert doubt(found)
    elif count <= shown < PAGE_SIZE:
        assert doubt(found) == ""


@steadily
@given(dialects, st.integers(0, 230), st.data())
def test_a_listing_that_is_interrupted_anywhere_is_resumed_where_it_was(
    dialect: Dialect, count: int, data: st.DataObject
) -> None:
    def kept(found: Asked) -> Asked:
        interrupted = data.draw(st.booleans())
        return msgspec.json.decode(msgspec.json.encode(found), type=Asked) if interrupted else found

    assert whole(dialect, rows(count), between=kept) == whole(dialect, rows(count))


# What rows themselves hold says nothing of the listing


@pytest.mark.parametrize("field", [{"next": "x"}, {"has_more": True}, {"count": 7}, {"total": 7}])
def test_fields_of_a_row_are_not_taken_for_those_of_the_listing(field: dict[str, Any]) -> None:
    found = read({"results": [a_row(1, **field)]}, {"results": [a_row(1, **field)]})
    assert (seen(found), doubt(found)) == (["r-1"], "")
    page = read({"results": [a_row(1, next_cursor="x", **field)]})
    assert "cursor" not in page.queries[0]
    full = [a_row(number, count=PAGE_SIZE) for number in range(PAGE_SIZE)]
    assert "is full" in doubt(read({"results": full}, {"results": full}))


def test_records_under_another_name_matter_only_beside_an_empty_list() -> None:
    older = {"older": [a_row(9)]}
    one = {"results": [a_row(1)], **older}
    assert doubt(read(one, one)) == ""
    assert "older holds records" in doubt(read({"results": [], **older}))


def test_two_rows_without_an_id_that_are_alike_are_two() -> None:
    row = {name: value for name, value in a_row(1).items() if name != "id"}
    assert read({"results": [row, row]}).rows == 2


def test_a_row_that_is_no_record_and_a_stray_are_kept_beside_the_end_of_a_listing() -> None:
    stray = a_row(2, start_time="2025-08-01T00:00:00Z")
    found = read({"results": [stray, 5]}, {"results": [], "next": "x"})
    assert found.listing.strays == {"cpu": {"r-2": found.listing.strays["cpu"]["r-2"]}}
    assert doubt(found)
