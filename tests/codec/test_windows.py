import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pianola.codec.windows import pack, unpack


@given(count=st.integers(0, 5), seed=st.integers(0, 2**32))
def test_packing_keeps_every_step(count: int, seed: int) -> None:
    windows = np.random.default_rng(seed).integers(0, 2, (count, 96, 96), np.uint8)
    packed = pack(windows)
    assert packed.shape == (count, 96, 12)
    np.testing.assert_array_equal(unpack(packed), windows)


def test_the_first_step_is_the_highest_bit_and_any_value_but_0_is_lit() -> None:
    windows = np.zeros((1, 96, 96), np.uint8)
    windows[0, 3, [0, 9]] = 7
    assert pack(windows)[0, 3, :3].tolist() == [0x80, 0x40, 0]
