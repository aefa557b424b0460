"""Recipes: what each promises can be kept, and none is used before its licence was accepted."""

import re

import pytest

from pianola.dataset.options import dataset_options
from pianola.intake.names import is_tar, is_zip
from pianola.intake.recipes import RECIPES, LicenceNotAccepted, Recipe, UnknownRecipe, find_recipe


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_says_all_that_an_import_and_a_reader_need(recipe: Recipe) -> None:
    assert re.fullmatch("[0-9a-f]{64}", recipe.sha256)
    assert recipe.url.startswith(("https://", "http://hog.ee.columbia.edu/"))  # Lakh's publisher has no TLS
    assert recipe.licence_url.startswith("https://")
    assert 0 < recipe.size < 2 * 2**30  # the default of PIANOLA_IMPORT_MAX_BYTES
    assert is_zip(recipe.url) or is_tar(recipe.url) or "/zip/" in recipe.url
    assert recipe.root.endswith("/")
    assert recipe.attribution
    dataset_options("piano", recipe.options)


def test_files_lie_in_the_dataset_as_labels_need_them() -> None:
    place = RECIPES["piano-midi.de"].place
    root = RECIPES["piano-midi.de"].root
    assert place(f"{root}Bach/bach_846.mid") == "Bach/bach_846.mid"
    assert place(f"{root}Christmas/silent.mid") is None
    assert place("elsewhere/Bach/bach_846.mid") is None
    assert place(root) == ""


def test_a_licence_is_accepted_first() -> None:
    with pytest.raises(LicenceNotAccepted, match=r"CC BY-NC-SA 4\.0 \(https://creativecommons.*accept_licence"):
        find_recipe("maestro-v3", accept_licence=False)
    assert find_recipe("maestro-v3", accept_licence=True) is RECIPES["maestro-v3"]


def test_an_unknown_recipe_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownRecipe, match=r"'maestro'.*maestro-v3, piano-midi\.de, nottingham, lakh-clean"):
        find_recipe("maestro", accept_licence=True)
