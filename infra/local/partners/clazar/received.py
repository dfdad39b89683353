"""What reached the stand-in Clazar: kept whole, so that a test can say what was really sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from infra.local.partners.clazar.contract import Record
from infra.local.partners.clazar.steps import Plan


@dataclass(frozen=True)
class Post:
    """One authorised, well-formed submission, whether or not anything of it was accepted."""

    number: int
    contract_id: str
    action: str
    records: list[Record]
    raw: bytes


class Received:
    """The log of one server, and how many submissions were worked on at the same time."""

    def __init__(self) -> None:
        """Start empty."""
        self.posts: list[Post] = []
        self.max_in_flight = 0
        self._in_flight = 0
        self._lock = threading.Lock()

    @contextmanager
    def post(self, records: list[Record], raw: bytes, plan: Plan) -> Iterator[Post]:
        """Keep a submission; it is in flight until the block ends."""
        contract = str(records[0].get("contract_id", ""))
        with self._lock:
            post = Post(len(self.posts) + 1, contract, plan.words, records, raw)
            self.posts.append(post)
            self._in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self._in_flight)
        try:
            yield post
        finally:
            with self._lock:
                self._in_flight -= 1
