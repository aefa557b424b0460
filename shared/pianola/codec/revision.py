"""The version of the codec's behaviour, recorded with everything it made."""

from typing import Final

CODEC_REVISION: Final = 2
"""Raised whenever the same bytes and options may give other windows or another verdict than before."""
