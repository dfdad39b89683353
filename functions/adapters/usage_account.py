"""Which partner bills usage. Apart from `wiring`, so that only who needs a partner imports it."""

import os
from functools import cache, partial

from functions.adapters.clazar.api import Clazar
from functions.adapters.clazar.http import Credentials, Session
from functions.adapters.receivers import UsageReceiver
from functions.adapters.wiring import read_secret


@cache
def usage_receiver() -> UsageReceiver:
    """Return the account that bills usage; one per container, so that its token is kept."""
    example = '{"client_id": "…", "client_secret": "…"}'
    credentials = partial(read_secret, "Clazar", Credentials, example)
    return Clazar(Session(os.environ["CLAZAR_URL"], credentials))
