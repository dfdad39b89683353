"""One item of the contract map: what a contract's month amounts to before it is claimed."""

import msgspec

from functions.domain.ledger.entry import Decision


class ContractItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item of the contract map.

    `quantities`: what is to be sent. `amounts`: the exact usage of this month that they are rounded
    from, `carried`: what was added to it. `usage`: before any formula. `retry`: its recorded error
    is to be tried again. `done`: the state file lists it as a success as well.
    `failure`: why it has no quantities. `without_usage`: only the ledger or the state file knows of
    it, the month's files do not. `approval`: who has let the held month through, and why.
    """

    contract_id: str
    quantities: dict[str, str]
    amounts: dict[str, str] = {}
    carried: dict[str, str] = {}
    usage: dict[str, str] = {}
    retry: bool = False
    done: bool = False
    failure: str | None = None
    without_usage: bool = False
    approval: Decision | None = None
