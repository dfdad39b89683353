"""Everything that the pipelines write, log, send and answer, kept to be looked through."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from infra.local.account import LocalAccount, RunResult
from infra.local.aws.state_folder import StateFolder

KINDS = {"object", "message", "output", "log"}


class Said(NamedTuple):
    """A text that left the functions: of which kind, where, and what."""

    kind: str
    where: str
    text: str


class KeptFolder(StateFolder):
    """A state folder that remembers every object as it was written, not only the last of each.

    `by_people`: how the keys begin that the pipeline does not write itself.
    """

    def __init__(self, path: Path, *, by_people: str | None = None) -> None:
        super().__init__(path)
        self._by_people = by_people
        self.written: list[Said] = []

    def write(self, key: str, body: bytes, modified_ns: int | None = None) -> None:
        if self._by_people is None or not key.startswith(self._by_people):
            self.written.append(Said("object", key, f"{key}\n{body.decode()}"))
        super().write(key, body, modified_ns)


class Everything:
    """What is said from now on."""

    def __init__(self, account: LocalAccount, folder: KeptFolder, log: Path) -> None:
        self._account, self._folder, self._log = account, folder, log
        self._messages, self._bytes = len(account.aws.published()), log.stat().st_size
        self.results: list[RunResult] = []

    def said(self) -> Iterator[Said]:
        yield from self._folder.written
        for message in self._account.aws.published()[self._messages :]:
            yield Said("message", "", message)
        for result in self.results:
            text = f"{result.output} {result.cause} {result.final_input}"
            yield Said("output", result.execution_arn, text)
        for line in self._log.read_bytes()[self._bytes :].decode().splitlines():
            yield Said("log", "", line)

    def holding(self, sought: Iterable[str]) -> list[Said]:
        texts = list(sought)
        return [said for said in self.said() if any(text in said.text for text in texts)]

    def kinds_with(self, text: str) -> set[str]:
        return {said.kind for said in self.holding([text])}
