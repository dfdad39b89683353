"""Whatever metering comes across, nothing that it leaves behind tells a customer or a secret.

Looked through are every object as it was written, every message, output and line of the logs. The
contract, the dimension and, without a payer, the subscription are reported: nobody could act
otherwise.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from infra.local.account import LocalAccount
from infra.local.partners.clazar.server import ClazarServer
from infra.local.partners.http import Reply, Request
from tests.statemachines.looking_through import KINDS, Everything, KeptFolder, Said
from tests.statemachines.world import World, a_record

MAIL, COMPANY, COST_CENTRE = "jane.roe@customer.example", "Roe and Sons", "roe-4711"
IDENTITY = {
    "podName": "pod-of-roe",
    "instanceId": "instance-of-roe",
    "hostName": "ip-10-9-8-7.roe.internal",
}
CUSTOMER = {
    "customerEmail": MAIL,
    "customerName": COMPANY,
    "tags": {"costCentre": COST_CENTRE},
    **IDENTITY,
}
CONFIDENTIAL = (MAIL, "customer.example", COMPANY, COST_CENTRE, *IDENTITY.values())
SECRETS = ("local-client", "local-secret", "local-api-key")


class ListeningClazar(ClazarServer):
    """Keeps the tokens that it is shown."""

    def __init__(self, port: int) -> None:
        super().__init__(port=port, refuse_duplicates=False)
        self.tokens: set[str] = set()

    def answer(self, request: Request) -> Reply:
        if shown := request.headers.get("authorization"):
            self.tokens.add(shown.removeprefix("Bearer "))
        return super().answer(request)


class Watched(NamedTuple):
    """A world with everything that is said in it."""

    world: World
    clazar: ListeningClazar
    everything: Everything

    def run(self, given: Mapping[str, Any] | None = None) -> str:
        """Run an execution and return the error that it ends with."""
        result = self.world.run(given)
        self.everything.results.append(result)
        return result.error or ""

    def reported(self) -> list[Said]:
        """Return what should not be there; fails if there was nothing to look through."""
        assert self.everything.kinds_with("2025-07") == KINDS
        assert self.clazar.tokens
        sent = str([post.records for post in self.clazar.posts])
        assert not [text for text in CONFIDENTIAL if text in sent]
        return self.everything.holding([*CONFIDENTIAL, *SECRETS, *self.clazar.tokens])


@pytest.fixture
def watched(
    account: LocalAccount, tmp_path: Path, clazar_port: int, function_logs: Path
) -> Iterator[Watched]:
    with ListeningClazar(clazar_port) as clazar:
        world = World(account, tmp_path, clazar)
        world.state_folder.close()
        world.state_folder = folder = KeptFolder(world.state)
        world.plan["missing_hours"] = "warn"
        yield Watched(world, clazar, Everything(account, folder, function_logs))
        folder.close()


def usage_of(contract: str | None, **fields: Any) -> dict[str, Any]:
    return a_record(contract, **{**CUSTOMER, **fields})


def test_refused_lost_and_quarantined_usage_tells_no_customer_and_no_secret(
    watched: Watched,
) -> None:
    actions = {"c-refused": "refuse", "c-lost": "lost", "c-busy": "busy", "c-expired": "expire"}
    watched.world.hour("01/00", [usage_of(name) for name in ("c-1", *actions, None)])
    watched.world.hour("01/01", [usage_of("c-1"), usage_of("c-1", value=3)])  # measured twice
    for name, action in actions.items():
        watched.clazar.script(name, action)
    assert not watched.run({"dry_run": True})
    assert watched.run() == "ContractsNeedAttention"
    decision = {"contract": "c-refused", "month": "2025-07", "outcome": "waived", "reason": "gone"}
    assert not watched.run({"resolve": decision})
    assert not watched.clazar.unused_actions()
    assert "message" in watched.everything.kinds_with("without externalPayerId")
    assert not watched.reported()


def test_usage_that_cannot_be_read_tells_no_customer_and_no_secret(watched: Watched) -> None:
    watched.world.hour("01/00", [usage_of("c-1")])
    assert not watched.run()
    bad_records = ({"value": None}, {"dimension": ["x"]}, {"externalPayerId": ["c-1"]})
    whole = json.dumps([usage_of("c-1")]).encode()
    contents = (*([usage_of("c-1", **bad)] for bad in bad_records), ["row"], whole[:-9])
    for hour, content in enumerate(contents, 1):
        watched.world.hour(f"01/{hour:02d}", content)
    assert watched.run({"months": ["2025-07"]}) == "BadUsage"
    assert "message" in watched.everything.kinds_with("problems: 5")
    assert not watched.reported()


def test_late_and_final_usage_tells_no_customer_and_no_secret(watched: Watched) -> None:
    watched.world.hour("01/00", [usage_of("c-1"), usage_of("c-2")])
    assert not watched.run({"contracts": ["c-1"], "until": "2025-07-01T10:00:00Z"})
    assert not watched.run()
    watched.world.hour("01/11", [usage_of(name) for name in ("c-1", "c-2", "c-new", None)])
    assert not watched.run()
    assert "message" in watched.everything.kinds_with("c-new cpu_core_hours: billed 0")
    assert not watched.reported()
