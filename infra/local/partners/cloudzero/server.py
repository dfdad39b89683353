"""A CloudZero on this machine: the AnyCost Stream API over HTTP, strict, and scriptable.

The demo, the local runner and the tests send credits to it instead of the real service, where a
wrong drop replaces good data. `contract` says what is a valid drop, `steps` which faults can be
played, `months` what a drop does to its month.

One server holds the data of one stream, whichever connection id a path names: the system has one.
"""

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

from infra.local.aws.http_wire import Request
from infra.local.partners.clazar.script import Script
from infra.local.partners.cloudzero import contract, replies
from infra.local.partners.cloudzero.calls import Call, allows, parse_call
from infra.local.partners.cloudzero.months import Months
from infra.local.partners.cloudzero.received import Post, Streams
from infra.local.partners.cloudzero.steps import CONTENTS_STEPS, DROP_STEPS, Plan
from infra.local.partners.http import CUT, LoopbackHttp, Reply
from infra.local.partners.strict_json import ShapeError, json_body


class CloudZeroServer(LoopbackHttp):
    """CloudZero's AnyCost Stream API on 127.0.0.1; keeps everything it received and stored.

    `posts` are in order of arrival.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        on_post: Callable[[Post], None] | None = None,
        clock: Callable[[], float] = time.time,
        port: int = 0,
    ) -> None:
        """Configure the service; without a key of its own it takes every key."""
        super().__init__(port=port)
        self._api_key, self._on_post = api_key, on_post
        self._months, self._streams = Months(clock), Streams()
        self._drops = Script(DROP_STEPS, Plan)
        self._contents = Script(CONTENTS_STEPS, Plan)
        self.posts: list[Post] = []

    # Told to misbehave

    def script(self, *actions: str) -> None:
        """Append faults for the next posted drops (words: `DROP_STEPS`)."""
        self._drops.add(*actions)

    def contents_script(self, *actions: str) -> None:
        """Append faults for the next readings of a month (words: `CONTENTS_STEPS`)."""
        self._contents.add(*actions)

    def unused_actions(self) -> int:
        """Count the scripted faults that never happened: a test that expected them proved less."""
        return len(self._drops) + len(self._contents)

    def preload(self, month: str, rows: Sequence[contract.Row]) -> None:
        """Store a month as dropped and ingested earlier."""
        self._months.put(contract.whole_month(month, rows), str(uuid.uuid4()))

    # What was received and stored

    @property
    def overlaps(self) -> int:
        """How many requests came while another one of their stream was being worked on."""
        return self._streams.overlaps

    @property
    def stored(self) -> dict[str, list[contract.Row]]:
        """Copies of the rows of each month, in its `YYYY-MM`, ingested or not."""
        return self._months.stored()

    def total(self, month: str) -> Decimal:
        """Add up what a month costs; one that never got a drop costs nothing."""
        return sum((Decimal(row[contract.COST]) for row in self.stored.get(month, [])), Decimal())

    # The API

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        try:
            return self._route(request)
        except ShapeError as error:
            return replies.refusal(400, str(error))

    def _route(self, request: Request) -> Reply:
        call = parse_call(request.method, request.path)
        if call is None:
            return replies.NO_PATH
        if not allows(request.headers.get("authorization", ""), self._api_key):
            return replies.FORBIDDEN
        if len(request.body) > contract.MOST_BYTES:
            return replies.TOO_LARGE
        return self._on_stream(call, request)

    def _on_stream(self, call: Call, request: Request) -> Reply:
        if not self._streams.take(call.connection_id):
            return replies.OVERLAP
        try:
            if call.kind == "post":
                return self._post(request, call.connection_id)
            if call.kind == "read":
                return self._read(call.month)
            return replies.listing(self._months.visible().items())
        finally:
            self._streams.release(call.connection_id)

    def _post(self, request: Request, connection_id: str) -> Reply:
        drop = contract.parse_drop(json_body(request))
        plan = self._drops.next()
        post = Post(connection_id, drop.month, drop.rows, request.body)
        self.posts.append(post)
        if self._on_post:
            self._on_post(post)
        if self.stopped_while_waiting(plan.wait):
            return CUT
        drop_id = str(uuid.uuid4())
        if plan.stores:
            self._store(drop, drop_id, connection_id, plan)
        return plan.answer or replies.taken(drop_id, drop.month, len(drop.rows))

    def _store(self, drop: contract.Drop, drop_id: str, connection_id: str, plan: Plan) -> None:
        kept = replace(drop, rows=drop.rows[: plan.keep])
        put = partial(self._months.put, kept, drop_id, plan.ingest)
        if not plan.late:
            put()
            return
        self._streams.hold(connection_id)

        def put_late() -> None:
            if not self.stopped_while_waiting(plan.late):
                put()
            self._streams.release(connection_id)

        threading.Thread(target=put_late, daemon=True).start()

    def _read(self, month: str) -> Reply:
        plan = self._contents.next()
        if self.stopped_while_waiting(plan.wait):
            return CUT
        version = self._months.visible().get(month)
        return plan.answer or (
            replies.contents(plan.view(version.rows)) if version else replies.NO_DROP
        )
