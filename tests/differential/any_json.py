"""Any JSON, with the words in it that the readers look for."""

from hypothesis import strategies as st

words = st.sampled_from(
    [
        *("results", "status", "success", "errors", "message", "code", "dimension", "contract_id"),
        *("quantity", "id", "error", "detail", "start_time", "cpu", "mem", "c-1", "5", "already"),
        *("2025-07-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"),
        "\ud800",
    ]
)
# As Python's own reader of JSON returns it: NaN and infinities included, and halves of characters.
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=12,
)
