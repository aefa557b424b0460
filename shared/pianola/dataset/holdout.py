"""Which files are held out from training: a function of a file's content and a seed alone.

Every file has a rank, as good as drawn at random; those ranked below the share are held out. So a file stays on its
side whatever joins or leaves the dataset, a larger share holds out the same files and more, and the same content under
two names is on one side.
"""

from hashlib import sha256

_BITS = 53  # of a float's mantissa: every rank is exact


def rank(digest: str, seed: int) -> float:
    """The rank of a file in [0, 1): the first 53 bits of sha256("seed:digest") / 2^53. `digest`: the file's sha256."""
    drawn = sha256(f"{seed}:{digest}".encode()).digest()
    return (int.from_bytes(drawn[:8], "big") >> (64 - _BITS)) / (1 << _BITS)


def is_held_out(digest: str, share: float, seed: int) -> bool:
    """Whether the file with this sha256 is held out where `share` (0 to 1) of all files are."""
    return rank(digest, seed) < share
