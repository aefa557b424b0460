"""Small files that would cost a careless reader its time or its memory, and every case that fuzzing ever found."""

import hashlib
import json
import time
import tracemalloc
from pathlib import Path

import pytest
from fuzz.bombs import BOMBS
from fuzz.properties import OPTIONS, READER_CODES, check, holds

from pianola.codec.options import CodecOptions, codec_options
from pianola.codec.reader import Limits
from pianola.codec.verdict import VERDICT_CODES, judge

FIXTURES = Path(__file__).parent / "fixtures"
EXPECTED = json.loads((FIXTURES / "verdicts.json").read_text(encoding="utf-8"))
# The worst of these takes 0.5 s on an idle machine; the rest is for a busy one.
MOST_SECONDS = 2.5
MOST_BYTES = 150 * 2**20
LARGEST = (
    "256 tracks of 96 long notes",
    "every row lit to the limit",
    "a pattern of its own in every window, to the limit",
    "as many notes as fit",
    "100,000 notes of one step",
)
# As the thesis rounds, a note without a length vanishes; and its lowest row is another.
OTHERWISE_AS_THE_THESIS_DID = {
    "100,000 notes on one step": "all_left_out",
    "146 bytes with a pitch out of every row": None,
}


@pytest.mark.parametrize("preset", ["piano", "thesis"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_drawn_or_refused_in_bounded_time(bomb: str, preset: str) -> None:
    make, code = BOMBS[bomb]
    data = make()
    started = time.perf_counter()
    verdict, _ = check(data, codec_options(preset, {}))
    assert time.perf_counter() - started < MOST_SECONDS
    assert verdict.code == (OTHERWISE_AS_THE_THESIS_DID.get(bomb, code) if preset == "thesis" else code)


@pytest.mark.parametrize("options", OPTIONS, ids=("piano", "thesis", "overlapping", "percussion"))
@pytest.mark.parametrize("bomb", LARGEST)
def test_the_largest_bombs_stay_within_the_memory(bomb: str, options: CodecOptions) -> None:
    data = BOMBS[bomb][0]()
    tracemalloc.start()
    try:
        judge(data, options)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < MOST_BYTES


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_kept_case_gets_the_verdict_that_it_must(name: str) -> None:
    expected = EXPECTED[name]
    data = (FIXTURES / name).read_bytes()
    options = codec_options(expected.get("preset", "piano"), expected.get("options", {}))
    verdict, _ = check(data, options, Limits(**expected.get("limits", {})))
    assert (verdict.code, verdict.offset) == (expected["code"], expected["offset"])
    holds(data)


def test_every_kept_case_is_named_by_its_content_and_has_its_verdict() -> None:
    names = {file.name for file in FIXTURES.glob("*.mid")}
    assert names == set(EXPECTED)
    assert names == {f"{hashlib.sha256(file.read_bytes()).hexdigest()[:16]}.mid" for file in FIXTURES.glob("*.mid")}


def test_the_kept_cases_show_every_code_that_the_codec_gives() -> None:
    assert {expected["code"] for expected in EXPECTED.values()} - {None} == set(VERDICT_CODES) - READER_CODES
