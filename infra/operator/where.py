"""Where the verbs look: a local state folder, or the deployed stacks of an environment."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from functions.adapters import keys
from functions.adapters.clazar.api import Clazar
from functions.adapters.clazar.http import Credentials, Session
from functions.adapters.objects import Objects, Stored
from functions.adapters.storage import Bucket, folders
from functions.domain.plan import Plan, parse_plan, parse_plans
from functions.domain.usage.usage_files import Listed
from functions.errors import BadInput


class CannotRun(Exception):
    """The command cannot be run as given; the message says what to do next."""


class Where(Protocol):
    """The objects and the partner that a verb asks."""

    state: Objects
    usage: Objects | None

    def plans(self) -> dict[str, Plan]:
        """Return the plans by key."""

    def credits(self) -> Objects | None:
        """Return the credits bucket; None if there is none."""

    def clazar(self) -> Clazar | None:
        """Return Clazar, None if it cannot be asked here."""


class Folder:
    """A bucket's objects as files; only read."""

    def __init__(self, root: Path) -> None:
        from infra.local.state_folder import file_names, files_below, key_of  # noqa: PLC0415

        self._root, self._files_below = root, files_below
        self._names: Callable[[str], Iterator[str]] = file_names
        self._key_of: Callable[[str], str] = key_of

    def read(self, key: str, *, unless: str = "") -> Stored | None:
        """Return an object, None if there is none."""
        path = self._path(key)
        if not path.is_file():
            return None
        body = path.read_bytes()
        return Stored(b"" if _etag(body) == unless else body, _etag(body))

    def read_many(self, keys: Iterable[str]) -> Iterator[Stored | None]:
        """Yield objects in the order of their keys."""
        return map(self.read, keys)

    def put(self, key: str, body: bytes) -> None:  # noqa: ARG002
        """Refuse: this command reads."""
        raise CannotRun(f"{key} was not written: the command only reads")

    def create(self, key: str, body: bytes) -> str | None:  # noqa: ARG002
        """Refuse: this command reads."""
        raise CannotRun(f"{key} was not written: the command only reads")

    def replace(self, key: str, body: bytes, etag: str) -> str | None:  # noqa: ARG002
        """Refuse: this command reads."""
        raise CannotRun(f"{key} was not written: the command only reads")

    def list(self, prefix: str, *, after: str = "", limit: int | None = None) -> Iterator[Listed]:
        """Yield objects in key order, beginning behind a key."""
        base = self._path(prefix.rpartition("/")[0]) if "/" in prefix else self._root
        found = sorted(
            (self._key_of(os.path.relpath(path, self._root)), path)
            for _, path in self._files_below(base)
        )
        chosen = [(key, path) for key, path in found if key.startswith(prefix) and key > after]
        for key, path in chosen[:limit]:
            body = path.read_bytes()
            yield Listed(key, _etag(body), len(body))

    def _path(self, key: str) -> Path:
        parts = [part for part in key.split("/") if part]
        return self._root.joinpath(*(name for part in parts for name in self._names(part)))


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


class LocalWhere:
    """A state folder, as `python -m infra.local metering --state DIR` leaves it."""

    def __init__(
        self, state: Path, usage: Path | None, plans: Path | None, clazar: str | None
    ) -> None:
        if not state.is_dir():
            raise CannotRun(f"--state {state} is not a folder; give the --state of an earlier run")
        beside = state.resolve().parent / "usage"
        usage = usage or (beside if beside.is_dir() else None)
        if usage and not usage.is_dir():
            raise CannotRun(f"--usage {usage} is not a folder")
        if clazar and urlsplit(clazar).scheme not in ("http", "https"):
            raise CannotRun(f"--clazar {clazar} is not a base URL like http://127.0.0.1:8080")
        self.state: Objects = Folder(state)
        self.usage: Objects | None = Folder(usage) if usage else None
        self.folder, self.usage_folder = state.resolve(), usage.resolve() if usage else None
        self.plans_file, self.clazar_url = plans.resolve() if plans else None, clazar

    def plans(self) -> dict[str, Plan]:
        """Return the plans of the file, or those that the ledger knows."""
        if self.plans_file:
            try:
                return {plan.key: plan for plan in parse_plans(self.plans_file.read_bytes())}
            except (BadInput, OSError) as error:
                raise CannotRun(f"--plans {self.plans_file}: {error}") from error
        from infra.environments import PROD  # noqa: PLC0415

        known = {plan.key: plan for plan in PROD.parsed_plans}
        found = {}
        for path in folders(self.state, keys.LEDGER_ROOT, 3):
            service, environment, name = path.split("/")
            terms = {"service": service, "environment_type": environment, "plan_id": name}
            plan = parse_plan(terms)
            found[plan.key] = known.get(plan.key, plan)
        return found

    def credits(self) -> Objects | None:
        """Return the folder itself: it may be a state folder of credits."""
        return self.state

    def clazar(self) -> Clazar | None:
        """Return the Clazar of `--clazar`; the built-in one forgets when its run ends."""
        if not self.clazar_url:
            return None
        credentials = Credentials("local-client", "local-secret")
        return Clazar(Session(self.clazar_url, lambda _: credentials))


class DeployedWhere:
    """The stacks of an environment, found by their outputs."""

    def __init__(self, environment: str, client: Callable[[str], Any] | None = None) -> None:
        import boto3  # noqa: PLC0415

        self.environment, self.client = environment, client or boto3.client
        self._stack = f"{environment}-metering"
        self.outputs = self.outputs_of("metering")
        self.state: Objects = Bucket(self._output("StateBucketName"))
        self.usage: Objects | None = None
        if name := self._usage_bucket():
            self.usage = Bucket(name)

    def outputs_of(self, pipeline: str) -> Mapping[str, str]:
        """Return the outputs of one of the environment's stacks."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        stack = f"{self.environment}-{pipeline}"
        try:
            found = self.client("cloudformation").describe_stacks(StackName=stack)
        except (BotoCoreError, ClientError) as error:
            raise CannotRun(
                f"stack {stack}: {error}; sign in to AWS, or deploy it with "
                f"make deploy ENV={self.environment}"
            ) from error
        return {o["OutputKey"]: o["OutputValue"] for o in found["Stacks"][0].get("Outputs", [])}

    def _output(self, name: str) -> str:
        if name not in self.outputs:
            raise CannotRun(f"stack {self._stack} has no output {name}; deploy it again")
        return self.outputs[name]

    def _usage_bucket(self) -> str | None:
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        for page in pages.paginate(StackName=self._stack):
            for item in page["StackResourceSummaries"]:
                bucket = item["ResourceType"] == "AWS::S3::Bucket"
                if bucket and "UsageBucket" in item["LogicalResourceId"]:
                    return str(item["PhysicalResourceId"])
        name: str | None = self._configured.usage_bucket
        return name

    @property
    def _configured(self) -> Any:
        from infra import environments  # noqa: PLC0415

        return getattr(environments, self.environment.upper())

    def plans(self) -> dict[str, Plan]:
        """Return the deployed plans."""
        pages = self.client("ssm").get_paginator("get_parameters_by_path")
        path = f"/{self.environment}/metering/plans"
        texts = [
            item["Value"]
            for page in pages.paginate(Path=path, Recursive=True)
            for item in page["Parameters"]
        ]
        if not texts:
            raise CannotRun(f"no plan is configured under {path}; deploy {self._stack}")
        return {plan.key: plan for plan in parse_plans(f"[{','.join(texts)}]")}

    def credits(self) -> Objects | None:
        """Return the bucket of the credits stack, None if that is not deployed."""
        try:
            name = self.outputs_of("credits").get("CreditsBucketName")
        except CannotRun:
            return None
        return Bucket(name) if name else None

    def clazar(self) -> Clazar | None:
        """Return Clazar with the credentials of the stack's secret."""
        import msgspec  # noqa: PLC0415

        secret = self._output("ClazarSecretName")

        def credentials(_fresh: bool) -> Credentials:  # noqa: FBT001
            text = self.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
            try:
                return msgspec.json.decode(text, type=Credentials)
            except msgspec.DecodeError:
                raise CannotRun(
                    f"secret {secret} must be JSON with client_id and client_secret"
                ) from None

        return Clazar(Session(self._configured.clazar_url, credentials))
