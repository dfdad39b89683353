"""A tiny app on this machine, for one test at a time."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from infra.local.account import LocalAccount
from infra.local.aws.state_folder import StateFolder
from infra.local.machine.measure import Retrying
from tests.unit.local.tiny_app import tiny_stack

Open = Callable[..., LocalAccount]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    folder = StateFolder(tmp_path / "state")
    yield folder
    folder.close()


@pytest.fixture
def tiny(tmp_path: Path, state: StateFolder) -> Iterator[Open]:
    """Open an account for handlers and a definition, with the state folder attached."""
    with ExitStack() as stack:

        def build(
            handlers: dict[str, str],
            definition: dict[str, Any],
            retrying: Retrying | None = None,
            **rules: Any,
        ) -> LocalAccount:
            found = tiny_stack(tmp_path, handlers, definition, **rules)
            log = stack.enter_context((tmp_path / "functions.log").open("wb"))
            account = LocalAccount(found, cache=tmp_path / "cache", log=log, retrying=retrying)
            stack.callback(account.close)
            account.use(state=state)
            return account

        yield build
