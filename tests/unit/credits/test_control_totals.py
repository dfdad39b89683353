"""An upload may say how many rows it has and what they come to; then both have to be so."""

import pytest

from tests.unit.credits.pipeline import Pipeline

KEY = "credits-2025-01.csv"
TEXT = "000000000001,$5.00\n000000000002,$7.50\n000000000001,$5.00\n"


def test_a_file_that_is_what_its_upload_says_is_posted() -> None:
    pipeline = Pipeline()
    pipeline.put(KEY, TEXT, row_count="3", total_usd="17.50")
    finished = pipeline.execute(key=KEY)
    assert finished.succeeded, finished.cause


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"row_count": "4"}, "row-count is '4', the file has 3 rows"),
        ({"total_usd": "$17.51"}, "total-usd is '$17.51', the file's is 17.50"),
        ({"row_count": "three"}, "row-count is 'three'"),
    ],
)
def test_a_file_that_lost_rows_on_its_way_is_refused_before_anything_is_sent(
    stated: dict[str, str], said: str
) -> None:
    pipeline = Pipeline()
    pipeline.put(KEY, TEXT, **stated)
    finished = pipeline.execute(key=KEY)
    assert finished.error == "BadCredits"
    assert said in finished.cause
    assert "request" not in {point.kind for point in pipeline.points.seen}
