"""JSON files and the pages beside them: for readers only, so a page that fails stops nothing."""

from collections.abc import Callable
from typing import Any

import msgspec
from aws_lambda_powertools import Logger

from functions.adapters.objects import Objects

logger = Logger()
_INSTEAD = b"<!doctype html>\n<title>report</title>\nSee the other files beside this one.\n"


def put_json(objects: Objects, key: str, value: Any) -> None:
    """Write a value as people read JSON: indented."""
    objects.put(key, msgspec.json.format(msgspec.json.encode(value), indent=1))


def put_page(objects: Objects, key: str, made: Callable[[], bytes]) -> str:
    """Write a JSON file's page, return its key; one that fails says where to look instead."""
    key = f"{key.removesuffix('.json')}.html"
    try:
        body = made()
    except Exception:
        logger.exception("the page could not be rendered", key=key)
        body = _INSTEAD
    objects.put(key, body)
    return key
