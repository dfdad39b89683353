"""The synthesized app, loaded once a module; a fresh world for every test.

Not once a session: moto keeps its state in the process, where the tests of the local engine open
accounts of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from infra.local.account import LocalAccount
from infra.local.assembly import read_stack
from infra.local.clazar import ClazarServer
from infra.local.session import STAGE
from infra.local.synthesis import CACHE, synthesized
from tests.statemachines.world import World


@pytest.fixture(scope="module")
def function_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "functions.log"


@pytest.fixture(scope="module")
def account(function_logs: Path) -> Iterator[LocalAccount]:
    stack = read_stack(synthesized(starting=lambda: None), stage=STAGE, name="metering")
    with (
        function_logs.open("wb") as log,
        LocalAccount(stack, cache=CACHE / "code", log=log) as account,
    ):
        yield account


@pytest.fixture(scope="module")
def clazar_port() -> int:
    """One port for all tests: functions whose settings do not change stay warm between them."""
    with ClazarServer() as server:
        return int(server.url.rpartition(":")[2])


@pytest.fixture
def open_world(
    account: LocalAccount, tmp_path: Path, clazar_port: int
) -> Iterator[Callable[..., World]]:
    with ExitStack() as stack:

        def opened(**clazar: Any) -> World:
            server = stack.enter_context(ClazarServer(port=clazar_port, **clazar))
            world = World(account, tmp_path, server)
            stack.callback(world.state_folder.close)
            return world

        yield opened


@pytest.fixture
def world(open_world: Callable[..., World]) -> World:
    return open_world()
