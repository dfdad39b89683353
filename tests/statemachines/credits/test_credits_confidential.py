"""Whatever credits come across, the API key and what a file says besides can be read nowhere.

Looked through are every object as it was written, every message, output and line of the logs.
Accounts and amounts are reported, and so is a cell where one of them should be: it is quoted.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from infra.local.account import LocalAccount, RunResult
from infra.local.cli.session import scaled
from infra.local.partners.cloudzero.server import CloudZeroServer
from infra.local.partners.http import Reply, Request
from tests.statemachines.credits.credits_world import (
    JANUARY,
    TIME_SCALE,
    CreditsWorld,
    a_file,
    month_of,
)
from tests.statemachines.looking_through import KINDS, Everything, KeptFolder

API_KEY, SECRETS = "local-api-key", ("local-client", "local-secret")
MAIL, COMPANY = "jane.roe@customer.example", "Roe and Sons"


class RepeatingCloudZero(CloudZeroServer):
    """Behind a gateway that now and then answers with the very headers of the request."""

    def __init__(self, port: int) -> None:
        super().__init__(port=port)
        self.keys: set[str] = set()
        self.repeats: list[int] = []

    def answer(self, request: Request) -> Reply:
        self.keys.add(request.headers.get("authorization", ""))
        if request.method == "POST" and self.repeats:
            return Reply(self.repeats.pop(0), {"headers": dict(request.headers)})
        return super().answer(request)


class Watched(NamedTuple):
    """A world with everything that is said in it."""

    world: CreditsWorld
    cloudzero: RepeatingCloudZero
    everything: Everything

    def drop(self, text: str) -> RunResult:
        self.everything.results.append(self.world.drop(JANUARY, text))
        return self.everything.results[-1]

    def check_nothing_is_reported(self) -> None:
        """Look through everything, once it is clear that there is something to look through."""
        assert self.everything.kinds_with("2025-01") == KINDS
        assert self.cloudzero.keys == {API_KEY}
        assert not self.everything.holding([API_KEY, *SECRETS, MAIL, COMPANY])


@pytest.fixture
def watched(
    account: LocalAccount, tmp_path: Path, cloudzero_port: int, function_logs: Path
) -> Iterator[Watched]:
    with RepeatingCloudZero(cloudzero_port) as cloudzero:
        world = CreditsWorld(account, tmp_path, cloudzero)
        world.state_folder.close()
        world.state_folder = folder = KeptFolder(world.state, by_people="credits-")
        settings = {"CLOUDZERO_URL": cloudzero.url, **scaled(account, TIME_SCALE)}
        account.use(state=folder, environment=settings)
        yield Watched(world, cloudzero, Everything(account, folder, function_logs))
        folder.close()


def test_replaced_held_and_refused_months_tell_no_secret_and_no_note(watched: Watched) -> None:
    assert watched.drop(a_file(5) + a_file(1, cents=1)).status == "SUCCEEDED"
    noted = watched.drop(a_file(5) + f'000000000001,$1.00,"{COMPANY}, {MAIL}"\n')
    assert noted.error == "BadCredits"
    assert watched.drop(a_file(1)).error == "DropHeld"
    accepted = watched.world.run({"key": JANUARY, "accept_shrink": True})
    restored = watched.world.run({"restore": month_of(accepted)["snapshot"]})
    assert restored.status == "SUCCEEDED"
    watched.everything.results += [accepted, restored]
    watched.check_nothing_is_reported()


@pytest.mark.parametrize(
    ("repeats", "error"),
    [([400], "PartnerRefused"), ([403], "CredentialsRefused"), ([429, 502], None)],
)
def test_an_answer_that_repeats_our_headers_passes_on_no_key(
    watched: Watched, repeats: list[int], error: str | None
) -> None:
    watched.cloudzero.repeats += repeats
    assert watched.drop(a_file(5) + a_file(1, cents=1)).error == error
    assert not watched.cloudzero.repeats
    watched.check_nothing_is_reported()
