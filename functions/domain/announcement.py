"""What a person should hear: taken from the journal, and crossed off once it has gone out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

from msgspec.structs import replace

from functions.domain.journal import Journal, Notice

_MOST_LETTERS, _LONGEST_NOTICE = 4_000, 1_000


def some(texts: Iterable[str], most: int = 20) -> list[str]:
    """Return the first texts, and how many more there are."""
    found = list(texts)
    return found[:most] + ([f"and {len(found) - most} more"] if len(found) > most else [])


def with_notices(journal: Journal, texts: Iterable[str]) -> Journal:
    """Return the journal with notices to announce; one that waits already is not added again.

    They are cut to a length that fits into a message: else one would hold all others up.
    """
    known = {notice.text for notice in journal.notices if not notice.heard}
    cut = dict.fromkeys(text[:_LONGEST_NOTICE] for text in texts)
    new = tuple(Notice(text=text) for text in cut if text not in known)
    return replace(journal, notices=journal.notices + new)


class Announcement(NamedTuple):
    """What an execution has to end with: contracts as `month: contract (code)`, and notices.

    `standing` counts all contracts that need a person, those that were announced before included.
    """

    contracts: list[str]
    notices: list[str]
    standing: int


def to_announce(journal: Journal, execution: str) -> Announcement:
    """Return what nobody has heard yet, or has heard from this execution.

    Notices that do not fit into a message are left for the next.
    """
    texts = [
        notice.text
        for notice in journal.notices
        if not notice.heard or notice.announced_by == execution
    ]
    sizes = accumulate(len(text) for text in texts)
    return Announcement(
        [
            f"{month}: {name} ({known.code})"
            for month, contracts in sorted(journal.unresolved.items())
            for name, known in sorted(contracts.items())
            if not known.heard or known.announced_by == execution
        ],
        [text for text, size in zip(texts, sizes, strict=True) if size <= _MOST_LETTERS],
        sum(len(contracts) for contracts in journal.unresolved.values()),
    )


def announced(journal: Journal, execution: str) -> Journal:
    """Return the journal when an execution is about to say what it has to announce.

    Notices that were heard from another one leave it.
    """
    told = to_announce(journal, execution).notices
    return replace(
        journal,
        unresolved={
            month: {
                name: known if known.heard else replace(known, announced_by=execution)
                for name, known in contracts.items()
            }
            for month, contracts in journal.unresolved.items()
        },
        notices=tuple(
            notice
            if notice.heard or notice.text not in told
            else replace(notice, announced_by=execution)
            for notice in journal.notices
            if not notice.heard or notice.announced_by == execution
        ),
    )


def heard(journal: Journal, execution: str) -> Journal:
    """Return the journal once an execution has said what it had to say.

    An execution that ended before that leaves it to the next: twice is better than never.
    """
    return replace(
        journal,
        unresolved={
            month: {
                name: replace(known, heard=known.heard or known.announced_by == execution)
                for name, known in contracts.items()
            }
            for month, contracts in journal.unresolved.items()
        },
        notices=tuple(
            replace(notice, heard=notice.heard or notice.announced_by == execution)
            for notice in journal.notices
        ),
    )
