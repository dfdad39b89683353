"""The shapes in which CloudZero answers, each written once."""

from collections.abc import Iterable
from http import HTTPStatus

from infra.local.partners.cloudzero.contract import MOST_BYTES, Row
from infra.local.partners.cloudzero.months import Version
from infra.local.partners.http import Reply

_WITH_ERROR_OBJECT = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)


def refusal(status: int, text: str) -> Reply:
    """Refuse; CloudZero words 400 and 404 differently from everything else."""
    if status in _WITH_ERROR_OBJECT:
        return Reply(status, {"error": {"message": text, "type": HTTPStatus(status).name.lower()}})
    return Reply(status, {"message": text})


def taken(drop_id: str, month: str, row_count: int) -> Reply:
    """Confirm a drop; the odd wrapper is as specified."""
    return Reply(200, {"connection": _described(drop_id, month, row_count)})


def listing(months: Iterable[tuple[str, Version]]) -> Reply:
    """List the months that hold a drop."""
    drops = [_described(version.drop_id, month, len(version.rows)) for month, version in months]
    return Reply(200, {"billing_drops": drops})


def contents(rows: list[Row]) -> Reply:
    """Give the rows of one month; there is no paging."""
    return Reply(200, {"billing_drop": rows})


def _described(drop_id: str, month: str, row_count: int) -> dict[str, object]:
    return {"drop_id": drop_id, "month": f"{month}-01T00:00:00Z", "row_count": row_count}


FORBIDDEN = refusal(403, "The key is missing or not valid; it stands alone, without 'Bearer'.")
TOO_LARGE = refusal(413, f"The body is larger than {MOST_BYTES} bytes.")
NO_PATH = refusal(404, "There is nothing at this path.")
NO_DROP = refusal(404, "There is no drop for this month.")
OVERLAP = refusal(429, "Another request for this stream is being worked on.")
