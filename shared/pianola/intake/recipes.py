"""Well-known collections of MIDI files: where each lies, the digest of what lies there, and on which terms it is given.

Pianola passes none of them on: an import fetches the collection from its publisher, once its licence was accepted.
Every digest is a published one or can be made again from what is published; the comment beside it says where.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final


class UnknownRecipe(LookupError):
    """No recipe has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no recipe is named {name!r}: there are {', '.join(RECIPES)}")
        self.name = name


class LicenceNotAccepted(PermissionError):
    """Whoever asked for a collection has not accepted its licence."""

    def __init__(self, recipe: "Recipe") -> None:
        super().__init__(
            f"{recipe.title} is given under {recipe.licence} ({recipe.licence_url}): read it, "
            "then ask again and accept it (accept_licence)"
        )
        self.recipe = recipe.name


@dataclass(frozen=True)
class Recipe:
    """A collection. `size` is the archive's in bytes, `files` how many MIDI files of it are taken.

    Only what lies under `root` in the archive is taken, without `root` in its name, and nothing that then begins with
    one of `left_out`. `options` are what a dataset of it is best created with, as overrides of the preset "piano".
    """

    name: str
    title: str
    about: str
    homepage: str
    url: str
    sha256: str
    size: int
    files: int
    licence: str
    licence_url: str
    attribution: str
    root: str
    left_out: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    def place(self, name: str) -> str | None:
        """The name in the dataset of what the archive calls `name`; None where it is not taken."""
        kept = name.removeprefix(self.root)
        if kept == name or kept.startswith(self.left_out):
            return None
        return kept


_MAESTRO: Final = Recipe(
    name="maestro-v3",
    title="MAESTRO v3.0.0",
    about="1,276 performances at the International Piano-e-Competition, 200 hours, recorded with every velocity; "
    "played freely, so notes do not follow a beat",
    homepage="https://magenta.withgoogle.com/datasets/maestro",
    url="https://storage.googleapis.com/magentadata/datasets/maestro/v3.0.0/maestro-v3.0.0-midi.zip",
    # Digest and size: MusPy, muspy/datasets/maestro.py, class MAESTRODatasetV3; the same digest on the homepage.
    sha256="70470ee253295c8d2c71e6d9d4a815189e35c89624b76d22fce5a019d5dde12c",
    size=58_416_533,
    files=1_276,
    licence="CC BY-NC-SA 4.0",
    licence_url="https://creativecommons.org/licenses/by-nc-sa/4.0/",
    attribution="Curtis Hawthorne, Andriy Stasyuk, Adam Roberts, Ian Simon, Cheng-Zhi Anna Huang, Sander Dieleman, "
    "Erich Elsen, Jesse Engel and Douglas Eck: Enabling Factorized Piano Music Modeling and Generation with the "
    "MAESTRO Dataset. ICLR 2019",
    root="maestro-v3.0.0/",
    options=MappingProxyType({"folder_labels": ("year",), "velocity": True}),
)

_PIANO_MIDI: Final = Recipe(
    name="piano-midi.de",
    title="piano-midi.de",
    about="332 classical pieces by 25 composers, sequenced by Bernd Krueger; tempo changes carry the expression, "
    "so notes follow the beat",
    homepage="http://www.piano-midi.de/",
    # The author gives one zip a composer, which change; this is a collection of them at one commit.
    url="https://codeload.github.com/cheriell/ClassicalPianoMIDI-dataset/zip/505aef5e7539ac56cdb4cbc72d08a98bfaf7a208",
    # Digest and size: no source publishes them. They were made from the public repository as its host makes the zip:
    #   TZ=America/Los_Angeles git archive --format=zip --prefix=ClassicalPianoMIDI-dataset-COMMIT/ COMMIT | sha256sum
    # which gives, byte for byte, the digests published for zips of two other repositories there: the next recipe's, and
    # ccarh/essen-folksong-collection at 2d0ca75e (same source).
    sha256="1e17e914cc0acb6da5fcefff468455bce45830571bc836d0bd0bd9f471750113",
    size=2_827_794,
    files=332,
    licence="CC BY-SA 3.0 DE",
    licence_url="https://creativecommons.org/licenses/by-sa/3.0/de/",
    attribution="MIDI files by Bernd Krueger, piano-midi.de, CC BY-SA 3.0 Germany; collected for study and research at "
    "github.com/cheriell/ClassicalPianoMIDI-dataset",
    root="ClassicalPianoMIDI-dataset-505aef5e7539ac56cdb4cbc72d08a98bfaf7a208/midis/",
    # Songs that are no composer's: their folder would be a label.
    left_out=("Christmas/",),
    options=MappingProxyType({"folder_labels": ("composer",)}),
)

_NOTTINGHAM: Final = Recipe(
    name="nottingham",
    title="Nottingham Music Database",
    about="1,034 British and American folk tunes with chords, collected by Eric Foxley",
    homepage="https://github.com/jukedeck/nottingham-dataset",
    url="https://codeload.github.com/jukedeck/nottingham-dataset/zip/0992bb6cd864f6d4b90d6663e08c0ef53ffaa08f",
    # Digest and size: takakhoo/transformer-melody-generation, data/SOURCES.md and scripts/fetch_data.sh; and made again
    # from the repository, as above.
    sha256="9c9c87d745779af617ad4cd0d715210bfc17ff89bc427928593462872542f9a8",
    size=1_828_800,
    files=1_034,
    licence="GPL-3.0",
    licence_url="https://www.gnu.org/licenses/gpl-3.0.html",
    attribution="Nottingham Music Database by Eric Foxley, cleaned by Jukedeck: github.com/jukedeck/nottingham-dataset",
    root="nottingham-dataset-0992bb6cd864f6d4b90d6663e08c0ef53ffaa08f/MIDI/",
    # The same tunes again, in halves.
    left_out=("melody/", "chords/"),
)

_LAKH: Final = (
    "Colin Raffel: Learning-Based Methods for Comparing Sequences, with Applications to Audio-to-MIDI Alignment and "
    "Matching. PhD thesis, Columbia University, 2016"
)

_LAKH_CLEAN: Final = Recipe(
    name="lakh-clean",
    title="Lakh MIDI Dataset, clean",
    about="17,256 popular songs by artist and title, several instruments each; many songs are there more than once",
    homepage="https://colinraffel.com/projects/lmd/",
    url="http://hog.ee.columbia.edu/craffel/lmd/clean_midi.tar.gz",
    # Digest: resolv-libs/resolv-data, resolv_data/datasets/mir/lakh_midi.py. Digest, size and number of files:
    # takakhoo/transformer-melody-generation, data/SOURCES.md.
    sha256="de1bb64cbc0cf35545a05b5c3e786aa6890cfa144edffc4b827ff41bf8c33dc5",
    size=234_283_029,
    files=17_256,
    licence="CC BY 4.0",
    licence_url="https://creativecommons.org/licenses/by/4.0/",
    attribution=_LAKH,
    root="clean_midi/",
    # Artists are folders, but more of them than a label may have values.
    options=MappingProxyType({"duplicates": "files"}),
)

_LAKH_FULL: Final = Recipe(
    name="lakh-full",
    title="Lakh MIDI Dataset, full",
    about="178,561 files of all kinds from the web, named by their digest",
    homepage="https://colinraffel.com/projects/lmd/",
    url="http://hog.ee.columbia.edu/craffel/lmd/lmd_full.tar.gz",
    # Digest and size: MusPy, muspy/datasets/lmd.py, class LakhMIDIDataset. Number of files: as for lakh-clean.
    sha256="6fcfe2ac49ca08f3f214cec86ab138d4fc4dabcd7f27f491a838dae6db45a12b",
    size=1_768_163_879,
    files=178_561,
    licence="CC BY 4.0",
    licence_url="https://creativecommons.org/licenses/by/4.0/",
    attribution=_LAKH,
    root="lmd_full/",
    options=MappingProxyType({"duplicates": "files"}),
)

RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {recipe.name: recipe for recipe in (_MAESTRO, _PIANO_MIDI, _NOTTINGHAM, _LAKH_CLEAN, _LAKH_FULL)}
)
"""by name, in the order in which they are shown"""


def find_recipe(name: str, accept_licence: bool) -> Recipe:
    """The recipe of this name, its licence accepted. Raises UnknownRecipe, LicenceNotAccepted."""
    recipe = RECIPES.get(name)
    if recipe is None:
        raise UnknownRecipe(name)
    if not accept_licence:
        raise LicenceNotAccepted(recipe)
    return recipe
