"""What a test says to the stand-in Clazar and asks of it, beside what a client sees."""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from infra.local.partners.clazar import steps
from infra.local.partners.clazar.contract import Record, Result
from infra.local.partners.clazar.records import ClazarRecords
from infra.local.partners.clazar.script import Script
from infra.local.partners.clazar.steps import SUCCESS, Plan
from infra.local.partners.clazar.tokens import Tokens
from infra.local.partners.http import LoopbackHttp


@dataclass(frozen=True)
class Post:
    """One authorised, well-formed submission, whether or not anything of it was accepted."""

    number: int
    records: list[Record]


class ScriptedClazar(LoopbackHttp):
    """The scripts of faults, and everything that was received and accepted.

    `posts` are in order of arrival; `max_in_flight` is the most that were worked on at once.
    """

    def __init__(self, records: ClazarRecords, tokens: Tokens, port: int) -> None:
        super().__init__(port=port)
        self._tokens, self._records = tokens, records
        self.posts: list[Post] = []
        self.max_in_flight = self._in_flight = 0
        self._lock = threading.Lock()
        self._scripts: defaultdict[str, Script[Plan]] = defaultdict(
            lambda: Script(steps.METERING_STEPS, Plan)
        )
        self._listing_script = Script(steps.LISTING_STEPS, Plan)
        self._authentication_script = Script(steps.AUTHENTICATION_STEPS, Plan)

    def script(self, contract_id: str, *actions: str) -> None:
        """Append faults for the next submissions of one contract (words: `METERING_STEPS`)."""
        self._scripts[contract_id].add(*actions)

    def listing_script(self, *actions: str) -> None:
        """Append faults for the next `GET /metering/` (words: `LISTING_STEPS`)."""
        self._listing_script.add(*actions)

    def authentication_script(self, *actions: str) -> None:
        """Append faults for the next `POST /authenticate/` (words: `AUTHENTICATION_STEPS`)."""
        self._authentication_script.add(*actions)

    def unused_actions(self) -> int:
        """Count the scripted faults that never happened: a test that expected them proved less."""
        of_contracts = sum(map(len, list(self._scripts.values())))
        return of_contracts + len(self._listing_script) + len(self._authentication_script)

    def expire_tokens(self) -> None:
        """Make every token given so far invalid."""
        self._tokens.end_all()

    def preload(self, *records: Record) -> None:
        """Store records as accepted earlier, as by a script that ran before this system."""
        for result in self._records.submit(list(records), Plan()):
            if result.get("status") != SUCCESS:
                raise ValueError(f"this Clazar would not have accepted the record: {result}")

    # What was received and accepted

    @property
    def authentications(self) -> int:
        """How many tokens were given."""
        return self._tokens.issued

    @property
    def accepted(self) -> list[Result]:
        """Copies of the accepted records, in order of acceptance."""
        return self._records.accepted()

    def accepted_count(self) -> Counter[tuple[str, str, str]]:
        """Count them by contract, dimension and month of the start; above one is a double bill."""
        return Counter(
            (record["contract_id"], record["dimension"], record["start_time"][: len("2025-06")])
            for record in self.accepted
        )

    @contextmanager
    def _receive(self, records: list[Record]) -> Iterator[Post]:
        """Keep a submission whole; it is in flight until the block ends."""
        with self._lock:
            post = Post(len(self.posts) + 1, records)
            self.posts.append(post)
            self._in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self._in_flight)
        try:
            yield post
        finally:
            with self._lock:
                self._in_flight -= 1

    def _next_plan(self, records: list[Record]) -> Plan:
        """Plan one submission: the first of its contracts that has a script decides."""
        for record in records:
            if script := self._scripts.get(str(record.get("contract_id", ""))):
                return script.next()
        return Plan()
