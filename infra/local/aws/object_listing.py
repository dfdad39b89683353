"""ListObjectsV2: a month of usage is listed hour by hour, and moto takes milliseconds for each."""

from collections.abc import Callable
from urllib.parse import parse_qsl, quote
from xml.sax.saxutils import escape

from moto.s3.models import FakeBucket, FakeKey

_KNOWN = {
    *("list-type", "prefix", "delimiter", "start-after", "continuation-token", "max-keys"),
    "encoding-type",
}
_PAGE = 1_000


def listing(bucket: FakeBucket, query: str) -> bytes | None:
    """Answer the listing that a query asks for; None if it asks for anything else."""
    asked = dict(parse_qsl(query, keep_blank_values=True))
    if asked.get("list-type") != "2" or not asked.keys() <= _KNOWN:
        return None
    written = _in_url if asked.get("encoding-type") == "url" else escape
    size = min(int(asked.get("max-keys", _PAGE)), _PAGE)
    found = list(_found(bucket, asked).items())
    more = len(found) > size > 0
    lines = [_line(name, stored, written) for name, stored in found[:size]]
    if more:
        token = found[size - 1][0].encode("utf-8", "surrogateescape").hex()
        lines.append(f"<NextContinuationToken>{token}</NextContinuationToken>")
    if "encoding-type" in asked:
        lines.append("<EncodingType>url</EncodingType>")
    head = f"<Name>{bucket.name}</Name><KeyCount>{min(size, len(found))}</KeyCount>"
    head += f"<MaxKeys>{size}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>"
    namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    text = f'<ListBucketResult xmlns="{namespace}">{head}{"".join(lines)}</ListBucketResult>'
    return text.encode("utf-8", "surrogateescape")


def _found(bucket: FakeBucket, asked: dict[str, str]) -> dict[str, FakeKey | None]:
    """Return what is left of the listing, in order: objects, and None for a common prefix."""
    prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
    after = asked.get("start-after", "")
    reached = bytes.fromhex(asked.get("continuation-token", "")).decode("utf-8", "surrogateescape")
    found: dict[str, FakeKey | None] = {}
    for key in sorted(key for key in list(bucket.keys) if key.startswith(prefix)):
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        name = key if end < 0 else key[: end + len(delimiter)]
        stored = bucket.keys.get(key)
        if key > after and name > reached and isinstance(stored, FakeKey):
            found[name] = stored if end < 0 else None
    return found


def _line(name: str, stored: FakeKey | None, written: Callable[[str], str]) -> str:
    if stored is None:
        return f"<CommonPrefixes><Prefix>{written(name)}</Prefix></CommonPrefixes>"
    said = f"<Key>{written(name)}</Key><LastModified>{stored.last_modified_ISO8601}</LastModified>"
    said += f"<ETag>{escape(stored.etag)}</ETag><Size>{stored.size}</Size>"
    return f"<Contents>{said}<StorageClass>STANDARD</StorageClass></Contents>"


def _in_url(name: str) -> str:
    return quote(name.encode("utf-8", "surrogateescape"), safe="/")
