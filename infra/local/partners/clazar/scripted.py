"""What a test says to the stand-in Clazar and asks of it, beside what a client sees."""

from collections import Counter, defaultdict

from infra.local.partners.clazar.contract import Record, Result
from infra.local.partners.clazar.received import Post, Received
from infra.local.partners.clazar.records import ClazarRecords, MonthKey
from infra.local.partners.clazar.script import Script
from infra.local.partners.clazar.steps import (
    AUTHENTICATION_STEPS,
    LISTING_STEPS,
    METERING_STEPS,
    SUCCESS,
    Plan,
)
from infra.local.partners.clazar.tokens import Tokens
from infra.local.partners.http import LoopbackHttp


class ScriptedClazar(LoopbackHttp):
    """The scripts of faults, and everything that was received and accepted."""

    def __init__(self, records: ClazarRecords, tokens: Tokens, port: int) -> None:
        super().__init__(port=port)
        self._tokens, self._records, self._received = tokens, records, Received()
        self._scripts: defaultdict[str, Script[Plan]] = defaultdict(
            lambda: Script(METERING_STEPS, Plan)
        )
        self._listing_script = Script(LISTING_STEPS, Plan)
        self._authentication_script = Script(AUTHENTICATION_STEPS, Plan)

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
                message = f"this Clazar would not have accepted the record: {result}"
                raise ValueError(message)

    # What was received and accepted

    @property
    def posts(self) -> list[Post]:
        """Every authorised, well-formed submission, in order of arrival."""
        return list(self._received.posts)

    @property
    def max_in_flight(self) -> int:
        """The most submissions that were worked on at the same time."""
        return self._received.max_in_flight

    @property
    def authentications(self) -> int:
        """How many tokens were given."""
        return self._tokens.issued

    @property
    def accepted(self) -> list[Result]:
        """Copies of the accepted records, in order of acceptance."""
        return self._records.accepted()

    def accepted_count(self) -> Counter[MonthKey]:
        """Count the accepted records per contract, dimension and month."""
        return self._records.counts()

    def _next_plan(self, records: list[Record]) -> Plan:
        """Plan one submission: the first of its contracts that has a script decides."""
        for record in records:
            if script := self._scripts.get(str(record.get("contract_id", ""))):
                return script.next()
        return Plan()
