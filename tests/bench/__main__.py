"""`make bench`: what reading, billing and closing a month costs; writes docs/performance.md.

Times of reading are the median of ROUNDS processes, taken in turn. `make bench ROUNDS=1` is a try,
`PIPELINE="10 1000 5000"` the numbers of contracts of the last part.
"""

import os
from functools import partial
from pathlib import Path

from tests.bench import layouts, pipeline
from tests.bench.loopback_s3 import FIRST_BYTE, SLOW, serving
from tests.bench.page import Page
from tests.bench.rounds import Figures, measure

_CONNECTIONS, _PLAIN, _SLOW_OF = 64, 2_000, 1_000
_ROOT = Path(__file__).parents[2]


def main() -> None:
    """Measure, print as it goes, and write the page."""
    page = Page(int(os.environ.get("ROUNDS", "3")))
    for subscriptions in (10, 100, 1_000):
        _day(page, subscriptions)
    _large(page)
    _bounds(page)
    pipeline.measure(page, [int(n) for n in os.environ.get("PIPELINE", "10 1000").split()])
    (_ROOT / "docs" / "performance.md").write_text(page.text(), encoding="utf-8")


def _day(page: Page, subscriptions: int) -> None:
    """A day of the real export: one small file per subscription and hour."""
    files = subscriptions * 24
    with serving(partial(layouts.small_files, subscriptions)) as url:
        runs = {
            "ours": ("ours",),
            "again": ("again",),
            "listing": ("listing",),
            "reading": ("reading",),
            "decode only": ("decode", str(subscriptions)),
            "decode twice": ("decode", str(subscriptions), "again"),
            "plain": ("plain", str(_PLAIN)),
        }
        found = measure(runs, url, page.rounds)
    with serving(partial(layouts.small_files, subscriptions), slow=_SLOW_OF) as url:
        found |= measure({"slow": ("reading",)}, url, page.rounds)
    page.title(f"A day of {subscriptions:,} subscriptions: {files:,} files")
    floor = -(-files // _CONNECTIONS) * FIRST_BYTE
    plain, ours = found["plain"], found["ours"]
    whole = plain.wall * files / plain.did("files")
    page.row("ours", found["ours"], files)
    page.row("ours, once more: 0 files read", found["again"], files)
    page.row("listing alone", found["listing"], files)
    page.row("reading alone", found["reading"], files)
    page.row("decoding and adding up alone", found["decode only"], files)
    page.row("the same, each file twice in its hour", found["decode twice"], 2 * files)
    page.row(
        f"reading alone, 1 answer in {_SLOW_OF:,} after {SLOW * 1000:.0f} ms", found["slow"], files
    )
    some = plain.did("files")
    page.row(f"the plain way, {some:,} files, listed before", plain, some)
    sums, wrong = ours.did("sums"), ours.did("wrong")
    page.line(f"Sums per contract and dimension: {sums:,}, of which {wrong:,} are wrong.")
    page.line(
        f"Floor, {files:,} files over {_CONNECTIONS} connections at {FIRST_BYTE * 1000:.0f} ms: "
        f"{floor:.2f} s; reading alone is at {floor / found['reading'].wall:.2f} of it, ours with "
        f"listing and decoding at {floor / ours.wall:.2f}. The plain way comes to "
        f"{whole:.0f} s for all files: {whole / ours.wall:.0f} times ours. Listing takes "
        f"{found['listing'].cpu / files * 1e6:.1f} ms of processor time per 1,000 keys."
    )


def _large(page: Page) -> None:
    """The older layout: one large file an hour."""
    page.title("One large file an hour")
    for contracts, days in ((1_000, 31), (10_000, 1)):
        with serving(partial(layouts.large_files, contracts, days)) as url:
            runs = {"days": ("days", str(days))} | (
                {"late": ("late", str(days))} if days > 1 else {}
            )
            found = measure(runs, url, page.rounds)
        page.row(f"{contracts:,} contracts, {days * 24} files", found["days"], days * 24)
        if late := found.get("late"):
            files, of = late.did("read"), late.did("days_read")
            page.row(f"the same month, one file late: {files} files of {of} day read", late, files)


def _bounds(page: Page) -> None:
    """What is kept in memory, and how long the largest months take."""
    page.title("The largest days and months")
    nothing: dict[str, Figures] = measure({"day": ("simulated", "10000")}, "", 1)
    page.row("FoldDay, 240,000 files of a day, listing and files made up", nothing["day"], 240_000)
    found = measure({"merge": ("merge", "100000"), "close": ("close", "100000")}, "", 1)
    page.row("MergeUsage, 100,000 contracts in 31 folds", found["merge"], 100_000)
    page.row("CloseMonth, 100,000 contracts", found["close"], 100_000)
    with serving(partial(layouts.ledger, 100_000)) as url:
        read = measure({"ledger": ("ledger", "100000")}, url, 1)["ledger"]
    page.row("reading a ledger of 100,000 entries", read, 100_000)
    page.line(
        "One round each. Merge is a plan's first month: those of the months before it add up what "
        "rounding left. Merge and close have all state in memory: what is there before they "
        "begin is in the column *before*, and what they write stays."
    )


if __name__ == "__main__":
    main()
