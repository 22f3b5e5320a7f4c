from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialflow.errors import RegistryError
from trialflow.registry.canonical import canonical, parsed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON))
def test_a_document_comes_back_as_it_was(document: dict[str, object]) -> None:
    assert parsed(canonical(document)) == document


@given(st.dictionaries(st.text(), JSON, min_size=2))
def test_the_order_of_keys_does_not_matter(document: dict[str, object]) -> None:
    assert canonical(dict(reversed(document.items()))) == canonical(document)


def test_the_text_is_plain_ascii_that_every_database_can_hold() -> None:
    assert canonical({"b": "ü\x00\ud800", "a": [1, 1.5, None]}) == '{"a":[1,1.5,null],"b":"\\u00fc\\u0000\\ud800"}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(RegistryError, match="not plain JSON"):
        canonical({"value": value})
