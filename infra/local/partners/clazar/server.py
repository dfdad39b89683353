"""A Clazar on this machine: the metering API over HTTP, strict, and scriptable in its faults.

The demo, the local runner and the tests bill against it instead of the real service, which has no
sandbox and cannot take a record back. It is deliberately stricter than what Clazar documents, so
that a client that passes here does not depend on leniency. `contract` says what is a valid record,
`steps` which faults can be played, `records` what is a duplicate.
"""

import time
from collections.abc import Callable

from infra.local.aws.http_wire import Request
from infra.local.partners.clazar.contract import Result, parse_listing_query, parse_submission
from infra.local.partners.clazar.records import ClazarRecords
from infra.local.partners.clazar.scripted import Post, ScriptedClazar
from infra.local.partners.clazar.steps import Plan
from infra.local.partners.clazar.tokens import Credentials, Tokens
from infra.local.partners.http import CUT, Reply
from infra.local.partners.strict_json import ShapeError, json_body, parse_json

_OWN_PAIR = Credentials()
_NOT_FOUND = Reply(404, {"message": "Not found; every path ends with a slash."})
_NO_TOKEN = Reply(401, {"message": "The token is missing, not valid or expired."})
_BAD_CREDENTIALS = Reply(401, {"message": "Invalid client credentials."})


class ClazarServer(ScriptedClazar):
    """Clazar's metering API on 127.0.0.1; keeps everything it received and accepted."""

    def __init__(
        self,
        *,
        credentials: Credentials = _OWN_PAIR,
        token_seconds: float = 86_400,
        refuse_duplicates: bool = True,
        listing: bool = True,
        page_limit: int = 100,
        on_post: Callable[[Post], None] | None = None,
        clock: Callable[[], float] = time.time,
        port: int = 0,
    ) -> None:
        records = ClazarRecords(refuse_duplicates=refuse_duplicates)
        super().__init__(records, Tokens(token_seconds, clock), port)
        self._credentials, self._on_post = credentials, on_post
        self._listing, self._page_limit = listing, page_limit

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        try:
            return self._route(request)
        except ShapeError as error:
            return Reply(400, {"message": str(error), "errors": [str(error)]})

    def _route(self, request: Request) -> Reply:
        call = f"{request.method} {request.path}"
        if call == "POST /authenticate/":
            return self._authenticate(request)
        if not request.path.startswith("/metering/"):
            return _NOT_FOUND
        if not self._tokens.allow(request.headers.get("authorization", "")):
            return _NO_TOKEN
        if call == "POST /metering/":
            return self._submit(request)
        return self._list(request) if call == "GET /metering/" and self._listing else _NOT_FOUND

    def _authenticate(self, request: Request) -> Reply:
        given = parse_json(json_body(request))
        plan = self._authentication_script.next()
        if self.stopped_while_waiting(plan.wait_before):
            return CUT
        if plan.answer:
            return plan.answer
        if not self._credentials.match(given):
            return _BAD_CREDENTIALS
        return Reply(200, self._tokens.issue())

    def _submit(self, request: Request) -> Reply:
        records = parse_submission(json_body(request))
        plan = self._next_plan(records)
        with self._receive(records) as post:
            if self._on_post:
                self._on_post(post)
            return self._play(post, plan)

    def _play(self, post: Post, plan: Plan) -> Reply:
        if self.stopped_while_waiting(plan.wait_before):
            return CUT
        if plan.expires_tokens:
            self._tokens.end_all()
            return _NO_TOKEN
        results: list[Result] = []
        if plan.accepts:
            results = self._records.submit(post.records, plan)
        for change in plan.reshape:
            results = change(results)
        if self.stopped_while_waiting(plan.wait_after):
            return CUT
        return plan.answer or Reply(200, {"results": results})

    def _list(self, request: Request) -> Reply:
        query = parse_listing_query(request.query, self._page_limit)
        plan = self._listing_script.next()
        if self.stopped_while_waiting(plan.wait_before):
            return CUT
        if plan.expires_tokens:
            self._tokens.end_all()
            return _NO_TOKEN
        return plan.answer or Reply(200, {"results": self._records.listed(query)})
