import json
import os
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from infra.local.lambdas import fork_server
from infra.local.lambdas.pool import MAX_PROCESSES, FunctionPool
from infra.local.lambdas.process import Function

Pool = Callable[..., FunctionPool]


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    with ExitStack() as stack:

        def build(source: str, *, timeout: float = 20.0, **environment: str) -> FunctionPool:
            code = tmp_path / "code" / "functions"
            code.mkdir(parents=True)
            (code / "__init__.py").write_text("")
            (code / "it.py").write_text(textwrap.dedent(source))
            log = stack.enter_context((tmp_path / "log").open("wb"))
            function = Function(
                name="it",
                arn="arn:aws:lambda:us-east-1:123456789012:function:it",
                handler="functions.it.handler",
                code=code.parent,
                environment=environment,
                timeout=timeout,
                memory=512,
            )
            found = FunctionPool(function, log)
            stack.callback(found.close)
            return found

        yield build


def called(pool: FunctionPool, event: object = None) -> tuple[bool, Any]:
    outcome = pool.invoke(json.dumps(event).encode())
    return outcome.failed, json.loads(outcome.payload)


def test_a_handler_gets_the_event_and_its_answer_comes_back(pool: Pool) -> None:
    it = pool("def handler(event, context): return {'got': event, 'é': 1.5}")
    assert called(it, {"a": [1]}) == (False, {"got": {"a": [1]}, "é": 1.5})
    assert called(it, "x" * 300_000) == (False, {"got": "x" * 300_000, "é": 1.5})


def test_where_forking_is_not_safe_a_process_imports_everything_itself(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fork_server, "_CAN_FORK", False)
    it = pool("import boto3, os\ndef handler(e, c): return os.getppid()")
    assert called(it) == (False, os.getpid())


def test_a_handler_gets_a_library_that_is_imported_already(pool: Pool) -> None:
    it = pool("import sys\nhad = 'boto3' in sys.modules\ndef handler(e, c): return had")
    assert called(it) == (False, True)


def test_a_function_sees_lambdas_environment_and_its_own_and_nothing_else(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_PARENT", "x")
    it = pool(
        """
        import os
        def handler(event, context):
            return dict(os.environ), context.function_name, context.memory_limit_in_mb, (
                context.get_remaining_time_in_millis())
        """,
        MINE="1",
    )
    _, (environment, name, memory, left) = called(it)
    assert environment["MINE"] == "1"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "it"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert "SECRET_OF_THE_PARENT" not in environment
    assert (name, memory) == ("it", "512")
    assert 15_000 < left <= 20_000


def test_only_the_asset_is_importable_not_the_working_tree(pool: Pool) -> None:
    it = pool(
        """
        import importlib.util, functions, os
        def handler(event, context):
            return os.path.dirname(functions.__file__), importlib.util.find_spec("infra") is None
        """
    )
    assert called(it) == (False, [str(it.function.code / "functions"), True])


def test_an_exception_carries_its_bare_class_name_message_and_trace(pool: Pool) -> None:
    it = pool(
        """
        class PartnerBusy(Exception): pass
        def handler(event, context): raise PartnerBusy("later")
        """
    )
    failed, error = called(it)
    assert failed
    assert (error["errorType"], error["errorMessage"]) == ("PartnerBusy", "later")
    assert "raise PartnerBusy" in error["stackTrace"][0]


@pytest.mark.parametrize(
    ("source", "kind", "said"),
    [
        ("import nowhere", "Runtime.ImportModuleError", "No module named 'nowhere'"),
        ("x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing"),
        ("def (", "Runtime.UserCodeSyntaxError", "Syntax error"),
        ("import os\nos._exit(3)", "Runtime.ExitError", "exit status 3"),
        (
            "import os\ndef handler(e, c): os._exit(1)",
            "Runtime.ExitError",
            "Error: Runtime exited with error: exit status 1",
        ),
        (
            "import os\ndef handler(e, c): os.kill(os.getpid(), 9)",
            "Runtime.ExitError",
            "Error: Runtime exited with error: signal: killed",
        ),
    ],
)
def test_a_process_that_cannot_go_on_ends_in_lambdas_own_words(
    pool: Pool, source: str, kind: str, said: str
) -> None:
    failed, error = called(pool(source))
    assert failed
    assert error["errorType"] == kind
    assert said in error["errorMessage"]


def test_a_process_that_died_is_replaced_for_the_next_call(pool: Pool) -> None:
    it = pool(
        """
        import os
        def handler(event, context):
            if event == "die": os._exit(1)
            return os.getpid()
        """
    )
    _, first = called(it)
    assert called(it) == (False, first)
    assert called(it, "die")[0]
    failed, second = called(it)
    assert not failed
    assert second != first


def test_a_handler_that_takes_too_long_is_killed(pool: Pool) -> None:
    it = pool(
        "import os, time\ndef handler(e, c):\n    print(os.getpid())\n    time.sleep(30)",
        timeout=0.5,
    )
    failed, error = called(it)
    assert failed
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Error: Task timed out after 0.50 seconds")


def test_calls_at_the_same_time_get_processes_of_their_own_up_to_a_limit(pool: Pool) -> None:
    it = pool(
        """
        import os, time
        def handler(event, context):
            time.sleep(0.3)
            return os.getpid()
        """
    )
    with ThreadPoolExecutor(8) as threads:
        pids = [pid for _, pid in threads.map(lambda _: called(it), range(8))]
    assert 1 < len(set(pids)) <= MAX_PROCESSES
    it.close()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert os.getpid() not in pids
