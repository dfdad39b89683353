"""How objects, conditions and errors of S3 look in HTTP."""

from io import BytesIO
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from moto.s3.models import FakeKey

from infra.local.aws.wsgi_server import Environ, StartResponse


def named_in_body(environ: Environ) -> list[str]:
    """The keys of a DeleteObjects request, from its body; none for another request to a bucket."""
    if "delete" not in parse_qs(environ["QUERY_STRING"], keep_blank_values=True):
        return []
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    root = ET.fromstring(body)  # noqa: S314 (from our own functions)
    return [element.text or "" for element in root.iter() if element.tag.endswith("Key")]


def matches(found: FakeKey, wanted: str) -> bool:
    """Say whether a condition names the object's ETag."""
    return wanted.strip('"') in {"*", found.etag.strip('"')}


def metadata_given(environ: Environ) -> dict[str, str]:
    """What a PUT says about the object, to be given back with it."""
    kept = {
        "x-amz-meta-" + name.removeprefix("HTTP_X_AMZ_META_").lower().replace("_", "-"): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_X_AMZ_META_")
    }
    if kind := environ.get("CONTENT_TYPE"):
        kept["Content-Type"] = str(kind)
    return kept


def object_headers(found: FakeKey) -> list[tuple[str, str]]:
    """What a GET says about the object."""
    headers = {
        **{name: str(value) for name, value in found.metadata.items()},
        "ETag": found.etag,
        "Last-Modified": found.last_modified_RFC1123,
        "Accept-Ranges": "bytes",
    }
    if found.version_id != "null":
        headers["x-amz-version-id"] = found.version_id
    return list(headers.items())


def precondition_failed(start_response: StartResponse, condition: str) -> list[bytes]:
    """Answer that the object is not the one that the request was meant for."""
    said = f"At least one of the pre-conditions you specified did not hold ({condition})"
    return refused(start_response, "412 Precondition Failed", "PreconditionFailed", said)


def refused(start_response: StartResponse, status: str, code: str, said: str) -> list[bytes]:
    """Answer with an error that the SDK understands."""
    body = f"<Error><Code>{code}</Code><Message>{escape(said)}</Message></Error>".encode()
    start_response(status, [("Content-Type", "application/xml")])
    return [body]
