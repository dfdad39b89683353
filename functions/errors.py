"""Every error that a state machine may name in Retry or Catch.

Step Functions sees only the bare class name and matches it exactly: a Retry on a base class never
matches a subclass. So this list is flat, and one name means one reaction.
"""


class BadInput(Exception):
    """The execution input or a plan's configuration breaks its contract. An operator must act."""


class BadState(Exception):
    """A state object cannot be read or understood. The run stops and leaves it as it is."""


class BadUsage(Exception):
    """Usage or its export marker cannot be read or understood. The month waits for a repair."""


class DaysMissing(Exception):
    """Days of a month could not be read now; nothing is wrong with the usage. Start a new run."""


class PlanBusy(Exception):
    """Another execution that is still running holds this plan. Try again later."""


class LeaseLost(Exception):
    """Others have held the plan since this execution stopped. Start a new one."""


class WriteConflict(Exception):
    """A conditional write lost its race too often. Reading again and repeating is safe."""


class PartnerBusy(Exception):
    """The partner did not take this request (rate limit) or cannot answer now. Try again later."""


class PartnerUnreachable(Exception):
    """There is no connection or no token, for no contract. Try again later; nothing was sent."""


class ContractUnserved(Exception):
    """The partner answers this contract's requests with an error. If others get through, it is its.

    Try again; then CloseMonth decides whether the contract is an error or stays open.
    """


class ListingUnfinished(Exception):
    """The partner's records are not read to the end yet. Invoke again: it resumes."""


class PartnerRefused(Exception):
    """The partner will not accept this as it stands. An operator has to look."""


class CredentialsRefused(Exception):
    """The partner refused our credentials. Nothing was sent; no contract is to blame."""


class OutcomeUnknown(Exception):
    """A request may or may not have been accepted. Ask the receiver before anything is sent."""


class MonthIncomplete(Exception):
    """A contract is neither accepted nor recorded as an error, so its month stays open."""


class MonthHeld(Exception):
    """A month's totals have moved further than its plan allows. An operator has to approve it."""


class StorageBusy(Exception):
    """S3 or another AWS service did not answer in time or throttled. Try again later."""


class BadCredits(Exception):
    """A credits file or a snapshot cannot be posted as it stands. Nothing was posted."""


class StreamBusy(Exception):
    """The stream is held, or a request to it may still be underway. Try again later."""


class DropHeld(Exception):
    """A drop would erase much of what is stored. An operator has to say that this is meant."""


class DropDiffers(Exception):
    """What the receiver stores is not, or not yet, what was posted. Ask again later."""
