"""What Clazar lists for the contracts of a month, asked one by one, several at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from functions.adapters.clazar.api import Clazar
from functions.adapters.receivers import ListingUnavailable
from functions.domain.ledger.listing import Listing
from functions.domain.ledger.listing_pages import ask
from functions.domain.month import Month
from functions.errors import ContractUnserved, PartnerUnreachable

_AT_A_TIME, _WAITS = 8, (1.0, 2.0, 4.0)


def listings(
    clazar: Clazar,
    contracts: Sequence[str],
    month: Month,
    progress: Callable[[int, int], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[str, Listing]]:
    """Yield each contract with what is listed; what cannot be read is a doubt, never empty."""

    def one(contract: str) -> Listing:
        for wait in (*_WAITS, None):
            try:
                asked = ask(contract, (), "now")
                return clazar.read_listing(asked, contract, month, lambda: math.inf).listing
            except PartnerUnreachable as error:
                if wait is None:
                    return Listing(doubts={"": str(error)})
                sleep(wait)
            except (ContractUnserved, ListingUnavailable) as error:
                return Listing(doubts={"": str(error)})
        raise AssertionError

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for number, (contract, found) in enumerate(
            zip(contracts, pool.map(one, contracts), strict=True), 1
        ):
            progress(number, len(contracts))
            yield contract, found
