"""The credits stack; a fresh bucket and CloudZero for every test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from infra.local.account import LocalAccount
from infra.local.partners.cloudzero.server import CloudZeroServer
from tests.statemachines.credits.credits_world import CreditsWorld


@pytest.fixture(scope="module")
def account(open_account: Callable[[str], LocalAccount]) -> LocalAccount:
    return open_account("credits")


@pytest.fixture(scope="session")
def cloudzero_port() -> int:
    """One port for all tests: functions whose settings do not change stay warm between them."""
    with CloudZeroServer() as server:
        return int(server.url.rpartition(":")[2])


@pytest.fixture
def open_world(
    account: LocalAccount, tmp_path: Path, cloudzero_port: int
) -> Iterator[Callable[..., CreditsWorld]]:
    with ExitStack() as stack:

        def opened(**cloudzero: Any) -> CreditsWorld:
            server = stack.enter_context(CloudZeroServer(port=cloudzero_port, **cloudzero))
            world = CreditsWorld(account, tmp_path, server)
            stack.callback(world.state_folder.close)
            return world

        yield opened


@pytest.fixture
def world(open_world: Callable[..., CreditsWorld]) -> CreditsWorld:
    return open_world()
