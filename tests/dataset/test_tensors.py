"""Files of tensors against the library whose format they have."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load, save

from pianola.dataset.tensors import tensor_bytes, tensor_views

KINDS = (np.uint8, np.int16, np.int32, np.int64, np.float32)
NAMES = st.text("abstvwz_", min_size=1, max_size=6)


@st.composite
def pieces(draw: st.DrawFn) -> list[NDArray[Any]]:
    """Pieces of a tensor: of one kind, of different lengths, 0 among them."""
    kind, rest = draw(st.sampled_from(KINDS)), draw(st.sampled_from([(), (0,), (2,), (3, 5)]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    return [random.integers(0, 100, (count, *rest)).astype(kind) for count in rows]


@given(st.dictionaries(NAMES, pieces(), max_size=8))
def test_a_file_is_the_librarys_byte_for_byte_and_is_read_back(tensors: dict[str, list[NDArray[Any]]]) -> None:
    joined = {name: np.concatenate(parts) for name, parts in tensors.items()}
    data = tensor_bytes(tensors)
    assert data == save(joined)
    for found in (tensor_views(data), load(data)):
        assert found.keys() == joined.keys()
        for name, tensor in joined.items():
            np.testing.assert_array_equal(found[name], tensor, strict=True)


def test_a_view_of_a_column_that_is_not_in_one_piece_of_memory() -> None:
    column = np.arange(12, dtype=np.int32).reshape(4, 3)[:, 1]
    assert tensor_bytes({"a": [column]}) == save({"a": np.ascontiguousarray(column)})


def test_a_view_is_not_to_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        tensor_views(tensor_bytes({"a": [np.zeros(2, np.uint8)]}))["a"][0] = 1


@pytest.mark.parametrize("other", [np.zeros((1, 3), np.int32), np.zeros((1, 2), np.int64)])
def test_pieces_that_cannot_be_joined_are_refused(other: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="the pieces of steps are of different kinds or shapes"):
        tensor_bytes({"steps": [np.zeros((4, 2), np.int32), other]})
