"""What a month was billed from: a later change of any file is noticed."""

import hashlib

from msgspec.structs import replace

from functions.domain.manifest import Changes, Manifest, changes, digest
from functions.domain.usage_files import UsageFile


def a_file(key: str, etag: str = "e-1", size: int = 1) -> UsageFile:
    return UsageFile(key, etag, size, "01/00")


def test_a_listing_is_known_by_its_keys_and_etags_in_order() -> None:
    listing = [("a.json", "e-1"), ("b.json", "e-2")]
    assert digest(listing) == hashlib.sha256(b"a.json\ne-1\nb.json\ne-2\n").hexdigest()
    assert digest([]) == hashlib.sha256().hexdigest()


def test_another_key_etag_or_number_of_files_is_another_listing() -> None:
    listings = (
        [("a", "e-1"), ("b", "e-1")],
        [("a", "e-1")],
        [("a", "e-2"), ("b", "e-1")],
        [("a", "e-1"), ("c", "e-1")],
        [("b", "e-1"), ("a", "e-1")],
    )
    assert len({digest(listing) for listing in listings}) == len(listings)


def test_files_that_came_changed_or_went_are_told_apart_in_order() -> None:
    billed = [a_file("same"), a_file("z-changed"), a_file("a-changed"), a_file("z"), a_file("y")]
    now = [
        a_file("same"),
        a_file("z-changed", "e-2"),
        a_file("a-changed", "e-2"),
        a_file("n"),
        a_file("m"),
    ]
    found = changes(billed, now)
    assert found == Changes(["m", "n"], ["a-changed", "z-changed"], ["y", "z"])
    assert str(found) == "new files: 2, rewritten files: 2, missing files: 2"


def test_only_what_happened_is_told() -> None:
    assert str(changes([a_file("a")], [a_file("a", "e-2")])) == "rewritten files: 1"
    assert str(changes([a_file("a")], [a_file("a", size=9)])) == "", "the ETag decides"


def test_nothing_is_to_be_told_of_the_listing_that_was_billed_or_told_last() -> None:
    billed = Manifest(execution="x", lists=(), files=1, digest="d-1")
    assert (billed.is_of("d-1"), billed.is_of("d-2")) == (True, False)
    told = replace(billed, reported="d-2")
    assert (told.is_of("d-1"), told.is_of("d-2")) == (False, True)
    assert not replace(billed, recheck=True).is_of("d-1")
