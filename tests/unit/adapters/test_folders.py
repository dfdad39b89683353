"""Folders are found from one to the next, and a listing that does not advance ends the search."""

from collections.abc import Iterator

import pytest

from functions.adapters.books import Books
from functions.adapters.documents import Document
from functions.adapters.owners import owners
from functions.adapters.storage import folders
from functions.domain.ledger.entry import Entry
from functions.domain.month import Month
from functions.domain.usage.usage_files import Listed
from functions.errors import BadState, StorageBusy
from tests.builders import a_line, a_plan, an_entry
from tests.memory import MemoryObjects

PLANS = ("A/E/P", "S/E/P", "S/E/P-1", "S/E/P.x", "S/E/P0", "S/E/Pü", "S/E-2/P", "Ü/E/😀")


class Counting(MemoryObjects):
    """Counts how often it is listed; one that is stuck does not understand where to begin."""

    listings, is_stuck = 0, False

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> Iterator[Listed]:
        """Yield objects in key order."""
        self.listings += 1
        assert self.listings < 20, f"the same request again and again, behind {after}"
        assert limit == 1
        assert "\U0010ffff" not in after, "one S3 implementation never gets beyond it"
        return super().list(prefix, after="" if self.is_stuck else after, limit=limit)


def test_every_folder_is_found_once_with_a_request_each_however_much_it_holds() -> None:
    held = [f"root/{plan}/2025/{n:03d}.json" for plan in PLANS for n in range(50)]
    usage = Counting(dict.fromkeys([*held, "root/marker.json", "root/S/lost.json", "rooz"], b"x"))
    assert sorted(folders(usage, "root/", 3)) == sorted(PLANS)
    assert usage.listings == len(PLANS) + 3


def test_a_listing_that_does_not_advance_is_an_error_and_no_endless_loop() -> None:
    usage = Counting({"root/A/E/P/plan.json": b"x", "root/B/E/P/plan.json": b"x"})
    usage.is_stuck = True
    with pytest.raises(StorageBusy, match="the listing of root/ does not advance: root/A/E/P/plan"):
        list(folders(usage, "root/", 3))


def test_the_entries_of_every_other_plan_are_found() -> None:
    ledger = MemoryObjects()
    for plan in PLANS:
        ledger.put(f"ledger/{plan}/plan.json", b"{}")
        entry = an_entry(a_line(state="accepted"), plan=plan)
        Document(ledger, f"ledger/{plan}/2025-07/c-1.json", Entry).write(entry, None)
    found = owners(Books(ledger, a_plan()), Month(2025, 7), "c-1")
    assert {owner.plan for owner in found} == set(PLANS) - {"S/E/P"}
    ledger.objects["ledger/A/E/P/2025-07/c-1.json"] = b"{"
    with pytest.raises(BadState, match=r"ledger/A/E/P/2025-07/c-1\.json cannot be read"):
        owners(Books(ledger, a_plan()), Month(2025, 7), "c-1")
