"""Ids: a prefix that says what it names, then 48 bits of time and 72 of chance in base 32. They sort by time."""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """A new id such as run_01kb3v9n0g7x5t2m4q8r6w1y3z: `prefix`, one of ds, imp, run, ckpt, ev, sample, key."""
    number = (time.time_ns() // 1_000_000) << 72 | secrets.randbits(72)
    digits = [_ALPHABET[number >> shift & 31] for shift in range(115, -5, -5)]
    return f"{prefix}_{''.join(digits)}"
