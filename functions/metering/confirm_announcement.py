"""ConfirmAnnouncement: what this execution had to tell has gone out, so no other one tells it."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger

from functions.adapters import configuration, state_bucket
from functions.adapters.storage import Objects
from functions.domain.announcement import heard
from functions.domain.journal import Journal
from functions.metering.payloads import Told
from functions.payloads import parse

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: object) -> None:
    """Return nothing."""
    confirm_announcement(parse(event, Told), configuration.state_bucket())


def confirm_announcement(told: Told, objects: Objects) -> None:
    """Note that a person was told."""
    document = state_bucket.journal_of(objects, told.plan)
    if document.read():
        document.change(lambda journal: heard(journal or Journal(), told.name))
