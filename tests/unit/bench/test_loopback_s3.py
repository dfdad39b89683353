"""The benchmark's S3 lists and gives objects as the pipeline's own reader asks for them."""

from functools import partial

import pytest

from functions.adapters.storage import Bucket
from functions.adapters.usage_reader import UsageStore
from functions.domain.usage.usage_files import Listed
from tests.bench import layouts
from tests.bench.loopback_s3 import BUCKET, serving, settings


def test_pages_folders_and_objects_are_those_that_were_put_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    objects = layouts.small_files(1_001, 2)
    with serving(partial(layouts.small_files, 1_001, 2)) as url:
        for name, value in settings(url).items():
            monkeypatch.setenv(name, value)
        store = UsageStore(BUCKET)
        found = list(store.under(f"{layouts.ROOT}01/"))
        assert [item.key for item in found] == sorted(objects)
        assert [item.size for item in found] == [len(objects[item.key]) for item in found]
        file = Listed(key=found[7].key, etag=found[7].etag, size=found[7].size, hour="01/00")
        assert [body for _, body in store.read([file])] == [objects[file.key]]
        (none, some) = Bucket(BUCKET).read_many(["none", file.key])
        assert none is None
        assert some
        assert some.body == objects[file.key]
