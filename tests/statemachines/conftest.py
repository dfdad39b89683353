"""The synthesized app, loaded as seldom as possible; a fresh world for every test.

An account stays open from module to module, with warm functions, until another one is opened: moto
keeps its state in the process.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from infra.local.account import LocalAccount
from infra.local.app.assembly import read_stack
from infra.local.app.synthesis import CACHE, synthesized
from infra.local.cli.session import STAGE
from infra.local.partners.clazar.server import ClazarServer
from tests.statemachines.world import World

OpenAccount = Callable[[str], LocalAccount]


@pytest.fixture(scope="session")
def function_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "functions.log"


@pytest.fixture(scope="session")
def open_account(function_logs: Path) -> Iterator[OpenAccount]:
    """Return a stack's account, opened anew if another one was opened since."""
    held: dict[str, LocalAccount] = {}
    with function_logs.open("wb") as log:

        def opened(name: str) -> LocalAccount:
            if name not in held or not held[name].aws.has_its_state:
                for account in held.values():
                    account.close()
                held.clear()
                stack = read_stack(synthesized(starting=lambda: None), stage=STAGE, name=name)
                held[name] = LocalAccount(stack, cache=CACHE / "code", log=log)
            return held[name]

        yield opened
        for account in held.values():
            account.close()


@pytest.fixture(scope="module")
def account(open_account: OpenAccount) -> LocalAccount:
    return open_account("metering")


@pytest.fixture(scope="session")
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
