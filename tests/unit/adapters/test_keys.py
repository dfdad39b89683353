"""Where things are in the buckets: written out, because what is there must be found again."""

import hashlib

import pytest

from functions.adapters import credits_bucket, keys
from functions.domain.credits.drop import MonthSnapshot
from functions.domain.month import Month
from tests.builders import PLAN
from tests.memory import MemoryObjects

JULY = Month(2025, 7)


def test_everything_of_a_plan_has_its_place() -> None:
    places = {
        "omnistrate-metering/S/E/P/": keys.usage_prefix(PLAN),
        "omnistrate-metering/S/E/P/2025/07/": keys.usage_prefix(PLAN, JULY),
        "leases/S/E/P.json": keys.lease(PLAN),
        "ledger/S/E/P/plan.json": keys.journal(PLAN),
        "ledger/S/E/P/2025-07/": keys.ledger_month(PLAN, JULY),
        "ledger/S/E/P/2025-07/c-1.json": keys.ledger_entry(PLAN, JULY, "c-1"),
        "ledger/S/E/P/remainders/": keys.remainders(PLAN),
        "ledger/S/E/P/remainders/2025-07.json": keys.remainders(PLAN, JULY),
        "ledger/S/E/P/manifests/2025-07.json": keys.manifest(PLAN, JULY),
        "days/S/E/P/2025-07/31.json": keys.day(PLAN, JULY, "31"),
        "runs/S/E/P/2025-07/x-1/": keys.run(PLAN, JULY, "x-1", dry_run=False),
        "previews/S/E/P/2025-07/x-1/": keys.run(PLAN, JULY, "x-1", dry_run=True),
        "runs/S/E/P/2025-07/x-1/open/": keys.open_contracts(PLAN, JULY, "x-1"),
        "runs/S/E/P/2025-07/x-1/closed.json": keys.closed(PLAN, JULY, "x-1"),
        "reports/S/E/P/2025-07/": keys.report(PLAN, JULY),
    }
    assert list(places.values()) == list(places)


def test_everything_of_a_stream_has_its_place() -> None:
    objects = MemoryObjects()
    taken = MonthSnapshot(connection="c", month="2025-07", taken_at="t", execution="x", rows=[])
    digests = [hashlib.sha256(body).hexdigest() for body in (b"[]", b"{}")]
    places = {
        "leases/c.json": credits_bucket.lease(objects, "c").key,
        "drops/c/2025-07.json": credits_bucket.last_drop(objects, "c", JULY).key,
        "runs/held/c/v%2F1.json": credits_bucket.held(objects, "c", "v/1").key,
        "runs/x-1/repeated-v%2F1.json": credits_bucket.repeated(objects, "x-1", "v/1").key,
        f"snapshots/c/2025-07/x-1-{digests[0][:16]}.json": credits_bucket.put_snapshot(
            objects, "x-1", taken
        ),
        f"runs/x-1/2025-07-{digests[1][:32]}.json": credits_bucket.put_prepared(
            objects, "x-1", JULY, b"{}"
        ),
    }
    assert list(places.values()) == list(places)


def test_why_a_contract_was_left_open_has_a_short_key_whatever_its_id_is() -> None:
    """A key that storage refuses may be the very reason."""
    root = keys.open_contracts(PLAN, JULY, "x-1")
    names = ["c-1", "C-1", "c-1 ", "\u00e9" * 1_000, "a/b", ".."]
    found = {keys.open_contract(root, name) for name in names}
    assert len(found) == len(names)
    assert all(key.startswith(root) and len(key) == len(root) + 37 for key in found)
    assert all(key.isascii() and "/" not in key.removeprefix(root) for key in found)


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("credits-2025-01.csv", "reports/credits-2025-01/x-1.json"),
        ("snapshots/conn/2025-01/x-0-abc.json", "reports/restore-2025-01/x-1.json"),
        ("2025-01/x-0-abc.json", "reports/restore-2025-01/x-1.json"),
        ("a.b.csv", "reports/a.b/x-1.json"),
    ],
)
def test_a_report_lies_under_the_name_of_its_file_or_the_month_that_was_restored(
    file: str, key: str
) -> None:
    assert credits_bucket.report_key(file, "x-1") == key
