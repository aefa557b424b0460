import hashlib

import pytest

from pianola.dataset.holdout import is_held_out, rank

FILES = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(4000)]


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_about_the_share_of_files_is_held_out(share: float) -> None:
    held = sum(is_held_out(file, share, 0) for file in FILES)
    assert abs(held / len(FILES) - share) < 0.03


def test_ranks_are_drawn_evenly_from_0_to_1() -> None:
    ranks = sorted(rank(file, 3) for file in FILES)
    assert ranks[0] >= 0
    assert ranks[-1] < 1
    assert max(abs(found - place / len(FILES)) for place, found in enumerate(ranks)) < 0.03


def test_a_larger_share_holds_out_the_same_files_and_more() -> None:
    few, many = ({file for file in FILES if is_held_out(file, share, 0)} for share in (0.1, 0.3))
    assert few < many


def test_another_seed_holds_out_other_files() -> None:
    one, other = ({file for file in FILES if is_held_out(file, 0.2, seed)} for seed in (0, 1))
    assert 0.1 < len(one & other) / len(one) < 0.3


def test_nothing_is_held_out_of_a_share_of_0() -> None:
    assert not any(is_held_out(file, 0, 0) for file in FILES)


def test_a_rank_is_the_same_in_every_release() -> None:
    expected = int(hashlib.sha256(f"5:{FILES[0]}".encode()).hexdigest()[:16], 16) / 2**64
    assert rank(FILES[0], 5) == pytest.approx(expected, abs=2**-52)
