"""What a message says of the journal, and the journal once that message has been delivered."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

from msgspec.structs import replace

from functions.domain.month import parse_instant
from functions.domain.months.journal import Journal, by_code
from functions.domain.wording import grouped

_MOST_LETTERS, _LONGEST_NOTICE, _MOST_NAMED = 4_000, 1_000, 40
_REMINDED_ON = (1, 2, 3, 8, 15, 22, 29)


def with_notices(journal: Journal, texts: Iterable[str]) -> Journal:
    """Return the journal with notices to report; one that waits already is not added again.

    They are cut to a length that fits into a message: else one would block all others.
    """
    cut = (text[:_LONGEST_NOTICE] for text in texts)
    return replace(journal, notices=tuple(dict.fromkeys([*journal.notices, *cut])))


class Announcement(NamedTuple):
    """What a message says: contracts that are new, those reported before, and notices.

    `total` and `new_total` are numbers of contracts; a text may stand for several. `reminds`:
    contracts that were reported before are due to be reported again.
    """

    new: list[str]
    standing: list[str]
    notices: list[str]
    new_total: int
    total: int
    reminds: bool


def to_announce(journal: Journal, at: str) -> Announcement:
    """Return what a message at this time says. Notices that do not fit are left for the next."""
    sizes = list(accumulate(map(len, journal.notices)))
    reported = [known.reported for found in journal.unresolved.values() for known in found.values()]
    standing = [*_texts(journal, reported=True), *journal.forgotten]
    return Announcement(
        new=_texts(journal, reported=False),
        standing=standing,
        notices=list(journal.notices[: bisect_right(sizes, _MOST_LETTERS)]),
        new_total=reported.count(False),
        total=len(reported),
        reminds=bool(standing) and _is_due(journal.reminded_at, at),
    )


def _texts(journal: Journal, *, reported: bool) -> list[str]:
    """Name the open contracts, those of one month and code together, since the first of them."""
    texts: list[str] = []
    room = _MOST_NAMED
    for month, contracts in sorted(journal.unresolved.items()):
        chosen = {name: seen for name, seen in contracts.items() if seen.reported is reported}
        reasons = [(name, reason) for reason, found in by_code(chosen) for name, _ in found]
        texts += [f"{month}: {text}" for text in grouped(reasons, room)]
        room -= len(reasons)
    return texts


def _is_due(reminded_at: str, at: str) -> bool:
    """Return True if a reminder is due: daily on days 1 to 3 of a month, weekly after them."""
    if not reminded_at:
        return True
    today = parse_instant(at).date()
    begin = max(day for day in _REMINDED_ON if day <= today.day)
    return parse_instant(reminded_at).date() < today.replace(day=begin)


def reported(journal: Journal, at: str) -> Journal:
    """Return the journal once its announcement was delivered: notices leave it."""
    said = to_announce(journal, at)
    return replace(
        journal,
        unresolved={
            month: {name: replace(known, reported=True) for name, known in contracts.items()}
            for month, contracts in journal.unresolved.items()
        },
        notices=tuple(text for text in journal.notices if text not in said.notices),
        reminded_at=at if said.new or said.reminds else journal.reminded_at,
    )
