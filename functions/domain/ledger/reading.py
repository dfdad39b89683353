"""How a receiver may write an id, a name, a time or a quantity, and which are the same: pure."""

import re
import unicodedata
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial
from html import unescape
from typing import Any
from urllib.parse import unquote

from functions.domain.envelope import is_something, plain, says_failed

_EPOCH = re.compile(r"\d{9,19}(\.\d+)?")
_MAIL_DATE = re.compile(r"[A-Z]{3}, \d{1,2} [A-Z]{3} \d{4} [\d:]{5,8} (UTC|GMT|[+-]\d{4})")
_UUID = re.compile(
    r"""(?:[^\W\d_]+:?\s+)?(?:urn:)?(?:uuid:)?[\[{(<"'\u2018-\u201f\s]*"""
    r"""([0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12})[\]})>"'\u2018-\u201f.,;]*:?(?:[\s(].*)?""",
    re.DOTALL,
)
_MILLISECONDS_FROM = 10**11  # as seconds this is the year 5138
_SHOWN = 120
_NOT_BILLED = ("fail", "failed", "error", "rejected", "invalid", "declined")
# As a value anywhere in a record, or as a name that is true: then no other word of it refuses.
_SAYS_ACCEPTED = re.compile(r"'\s*(accepted|billed|created|succe(ss|eded))\s*'(: true|(?!:))")
_SECONDS = (10**9, 2 * 10**9)  # 2001 to 2033: other digits may be a date


# What a record says that is not billed, or not any more; and names that say so if they are false.
_UNDONE = re.compile(
    r"(is|was)?(fail(ed)?|error|rejected|invalid|declined|deleted|void(ed)?|revers(ed|al)"
    r"|cancell?ed|refunded|reverted|superseded|dryrun|simulated)(at|on|by)?"
)
# That of its contract, or an earlier one, is not its own.
_STATE = re.compile(
    r"(?!contract|customer|buyer|account|subscription|plan|offer|listing|product|tenant|user"
    r"|organi.ation|prev|old|last|prior|former|initial).*(status|state|type|outcome|result)"
)
_DONE = re.compile(r"(is|was)?(accepted|created|billed|stored)")
_SENT = (
    *("cloud", "contract_id", "dimension", "start_time", "end_time", "quantity", "status"),
    "custom_properties",
)
_failed = partial(says_failed, rows="", levels=1)


def taken_back(record: Mapping[str, Any]) -> str:
    """Return what in a record says that it is not billed although its status does; else empty.

    What it holds of other things, as of its contract or of earlier tries, says nothing.
    """
    said = {name: value for name, value in record.items() if name not in _SENT}
    for name, value in said.items():
        undone = _UNDONE.fullmatch(plain(name)) and is_something(value)
        denied = _DONE.fullmatch(plain(name)) and value is False
        is_state = _STATE.fullmatch(plain(name)) and _UNDONE.fullmatch(as_text(value).casefold())
        if undone or denied or is_state:
            return f"{name} is {as_text(value)}"[:_SHOWN]
    return _failed(said)


def not_billed(record: Mapping[str, Any]) -> bool:
    """Return True of a record that is stored under a failure's status, and says nothing else."""
    return str(record.get("status")).strip().casefold() in _NOT_BILLED and not says_accepted(record)


def says_accepted(record: Mapping[str, Any]) -> bool:
    """Return True if anything in a record says that it was accepted."""
    return bool(_SAYS_ACCEPTED.search(str(record).casefold()))


def same_contract(listed: object, ours: str) -> bool | None:
    """Return True if two contract ids name the same contract; None if nobody can tell.

    UUIDs compare as UUIDs. Ids that differ only in case or form, and texts that hold ours, may or
    may not be the same.
    """
    text = str(listed).strip() if isinstance(listed, str | int) else ""
    return None if not text or isinstance(listed, bool) else _same_id(text, ours)


@lru_cache(maxsize=10_000)
def _same_id(text: str, ours: str) -> bool | None:
    if text == ours or (as_uuid(text) and as_uuid(text) == as_uuid(ours)):
        return True
    found, own = _usual(text), _usual(ours)
    holds = own and re.search(rf"(?:^|[\W_]){re.escape(own)}(?:$|[\W_])", found)
    return None if holds or _folded(unquote(unescape(found))) == _folded(own) else False


def _usual(text: str) -> str:
    """Return a text in one case and form, and a number without zeros in front."""
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    return folded.lstrip("0") if folded.isdecimal() else folded


def as_uuid(text: str) -> uuid.UUID | None:
    """Return the UUID that a text is, however it is written."""
    try:
        return uuid.UUID(text.strip().lower())
    except ValueError:
        return None


def as_meant(contract: str) -> str:
    """Return the same text for ids that a person would take for one another.

    Neither case counts, nor what is not seen, nor the kind of a dash; of a UUID neither its form
    nor a word before and a remark behind it.
    """
    folded = unicodedata.normalize("NFKC", contract).casefold()
    seen = "".join(c for c in folded if unicodedata.category(c) != "Cf").strip()
    text = re.sub(r"[\u2010-\u2015\u2212]", "-", seen)
    found = _UUID.fullmatch(text)
    return found[1].replace("-", "") if found else text


def spellings(contract: str) -> set[str]:
    """Return how a contract id is usually written, in one case or another; ours among them."""
    found = as_uuid(contract)
    forms = {contract, str(found), found.hex} if found else {contract, contract.title()}
    return {contract, *(form.lower() for form in forms), *(form.upper() for form in forms)} | forms


def same_dimension(listed: object, ours: str) -> bool:
    """Return True if two dimension names have the same letters and digits, in whatever case."""
    return isinstance(listed, str) and _folded(listed) == _folded(ours)


def _folded(dimension: str) -> str:
    return re.sub(r"[\W_]", "", _usual(as_text(dimension))) or as_text(dimension)


def as_text(value: object) -> str:
    """Return a value as a text that can be kept; JSON may hold half a character."""
    return str(value).strip().encode(errors="replace").decode()


def read_time(value: object) -> datetime | None:
    """Read a time that has one sensible reading; None for anything else.

    ISO 8601 (without an offset it is UTC), a date, the form of HTTP's and of mail's headers, or
    seconds since 1970 or thousandths, millionths or billionths of them.
    """
    text = str(value).strip().upper()
    try:
        if _EPOCH.fullmatch(text):
            seconds = float(text)
            while seconds >= _MILLISECONDS_FROM:
                seconds /= 1000
            known = _SECONDS[0] <= seconds < _SECONDS[1]
            return datetime.fromtimestamp(seconds, UTC) if known else None
        mail = _MAIL_DATE.fullmatch(text)
        found = (parsedate_to_datetime if mail else datetime.fromisoformat)(
            text.removesuffix(" UTC")
        )
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def read_quantity(value: object) -> Decimal | None:
    """Return a quantity as a number, None if it is not one."""
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def same_quantity(stored: object, ours: str) -> bool:
    """Return True if two quantities are the same number, however it is written."""
    number = read_quantity(stored)
    return number is not None and number == Decimal(ours)
