"""What the pipelines need of a partner; docs/architecture.md: "Another partner"."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from functions.domain.ledger.listing_pages import Asked
from functions.domain.ledger.submission import Reply, Request
from functions.domain.month import Month


class ListingUnavailable(Exception):
    """The receiver does not offer to be asked what it holds."""


class UsageReceiver(Protocol):
    """Who bills usage to a customer."""

    def submit(self, request: Request) -> Reply:
        """Send one request, whose records are all of one contract."""

    def read_listing(
        self, asked: Asked, contract: str, month: Month, seconds_left: Callable[[], float]
    ) -> Asked:
        """Read what is listed for a contract's month, as far as the time allows.

        Raises ListingUnavailable if there is no listing, PartnerUnreachable if there is no answer
        now, ContractUnserved if the answer to this contract's request is of no use.
        """


class Accepted(NamedTuple):
    """What a receiver answers to a drop that it does not refuse: the drop's id, and its words.

    `certain`: they say that it has taken the drop.
    """

    drop_id: str | None
    answer: str
    certain: bool = True


class CreditsReceiver(Protocol):
    """Who keeps a month's credits as one drop of rows per connection.

    `seconds_for_a_request`: none is begun with less time left.
    """

    seconds_for_a_request: float

    def stored(self, connection: str, month: Month) -> list[dict[str, Any]] | None:
        """Return the rows that are stored for a month; None if there is no drop."""

    def post(self, connection: str, body: bytes) -> Accepted:
        """Replace a month's drop."""
