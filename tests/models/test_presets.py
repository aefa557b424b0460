import json
import subprocess
import sys

import pytest

from pianola.models.families.gan import GanOptions
from pianola.models.families.vae import VaeOptions
from pianola.models.presets import PRESETS, BadRunOptions, describe, resolve


def refusal(family: str, preset: str, overrides: dict[str, object]) -> list[dict[str, str]]:
    with pytest.raises(BadRunOptions) as caught:
        resolve(family, preset, overrides)
    return caught.value.errors


def test_presets_import_no_torch() -> None:
    code = "import sys, pianola.models.presets; print('torch' in sys.modules, 'numpy' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "False"]


def test_options_of_a_preset_are_its_own_without_overrides() -> None:
    for family, presets in PRESETS.items():
        for name, preset in presets.items():
            assert resolve(family, name, {}) == preset.options


def test_overrides_change_what_they_name_only() -> None:
    options = resolve("vae", "thesis", {"batch": 8, "loss": "sum"})
    assert isinstance(options, VaeOptions)
    assert (options.batch, options.loss) == (8, "sum")
    assert options == PRESETS["vae"]["thesis"].options.model_copy(update={"batch": 8, "loss": "sum"})


def test_thesis_presets_train_as_the_thesis() -> None:
    vae, gan = PRESETS["vae"]["thesis"].options, PRESETS["gan"]["thesis"].options
    assert isinstance(vae, VaeOptions)
    assert (vae.loss, vae.kl_weight, vae.learning_rate, vae.beta1, vae.batch) == ("mean", 5e-4, 1e-3, 0.9, 64)
    assert isinstance(gan, GanOptions)
    assert (gan.loss, gan.learning_rate, gan.beta1, gan.beta2, gan.batch) == ("non_saturating", 2e-4, 0.5, 0.999, 64)
    for options in (vae, gan):
        assert (options.transpose_down, options.transpose_up, options.held_out) == (0, 0, 0.2)
        assert (options.weight_average, options.clip, options.weight_decay, options.schedule) == (0, 0, 0, "constant")


@pytest.mark.parametrize(
    ("overrides", "field", "message"),
    [
        ({"batch": 0}, "batch", "batch must be 1..4096, got 0"),
        ({"batch": 2.5}, "batch", "batch must be a whole number 1..4096, got 2.5"),
        ({"batch": "64"}, "batch", "batch must be a whole number 1..4096, got '64'"),
        ({"batch": True}, "batch", "batch must be a whole number 1..4096, got True"),
        ({"epochs": 0}, "epochs", "epochs must be 1..100000, got 0"),
        ({"seconds": 0}, "seconds", "seconds must be above 0 and at most 2.592e+06, got 0"),
        ({"learning_rate": 3}, "learning_rate", "learning_rate must be above 0 and at most 1, got 3"),
        ({"learning_rate": float("nan")}, "learning_rate", "learning_rate must be above 0 and at most 1, got nan"),
        ({"beta1": 1.0}, "beta1", "beta1 must be at least 0 and below 1, got 1.0"),
        ({"held_out": 0.95}, "held_out", "held_out must be 0..0.9, got 0.95"),
        ({"loss": "hinge"}, "loss", "loss must be one of sum, mean, got 'hinge'"),
        ({"bacth": 3}, "bacth", "bacth is not an option; did you mean batch?"),
    ],
)
def test_a_bad_option_is_refused_with_its_value(overrides: dict[str, object], field: str, message: str) -> None:
    assert refusal("vae", "default", overrides) == [{"field": field, "message": message}]


@pytest.mark.parametrize(("name", "value", "only"), [("keep", "best", "last"), ("patience", 3, "null")])
def test_a_family_without_a_likelihood_has_no_best_checkpoint(name: str, value: object, only: str) -> None:
    message = f"{name} must be {only}: a gan has no held-out loss that says which checkpoint is best"
    assert refusal("gan", "default", {name: value}) == [{"field": name, "message": message}]
    assert resolve("vae", "thesis", {name: value}).model_dump()[name] == value


def test_presets_say_what_plays_and_what_ends_them() -> None:
    said = {
        (family, name): (preset.options.keep, preset.options.patience, preset.options.collapse_points)
        for family, presets in PRESETS.items()
        for name, preset in presets.items()
    }
    assert said == {
        ("vae", "thesis"): ("last", None, None),
        ("vae", "default"): ("settled", None, None),
        ("gan", "thesis"): ("last", None, 3),
        ("gan", "default"): ("last", None, 3),
    }
    assert {one["family"]: one["decides"] for one in describe()["families"]} == {"vae": "validation_loss", "gan": None}


def test_an_unknown_option_without_a_likeness_is_answered_with_all_there_are() -> None:
    [error] = refusal("gan", "default", {"zzz": 1})
    assert error["message"].startswith("zzz is not an option; there are batch, epochs, seconds,")


def test_every_fault_is_reported() -> None:
    assert [error["field"] for error in refusal("gan", "default", {"batch": 0, "threads": 0})] == ["batch", "threads"]


def test_unknown_families_and_presets_are_named() -> None:
    assert refusal("vea", "default", {}) == [
        {"field": "family", "message": "family must be one of vae, gan, got 'vea'"}
    ]
    expected = "preset of gan must be one of thesis, default, got 'best'"
    assert refusal("gan", "best", {}) == [{"field": "preset", "message": expected}]


def test_giving_epochs_or_seconds_takes_the_place_of_the_presets_other() -> None:
    timed = resolve("vae", "thesis", {"seconds": 5.0})
    assert (timed.epochs, timed.seconds) == (None, 5.0)
    counted = resolve("vae", "default", {"epochs": 3})
    assert (counted.epochs, counted.seconds) == (3, None)


@pytest.mark.parametrize("overrides", [{"epochs": 1, "seconds": 1.0}, {"epochs": None, "seconds": None}])
def test_a_run_has_one_length(overrides: dict[str, object]) -> None:
    [error] = refusal("vae", "default", overrides)
    assert error == {"field": "epochs", "message": "give either epochs or seconds: one of them, not both"}


@pytest.mark.parametrize(("family", "preset"), [(family, name) for family in PRESETS for name in PRESETS[family]])
def test_options_survive_being_stored_as_json(family: str, preset: str) -> None:
    options = resolve(family, preset, {"epochs": 2})
    assert resolve(family, preset, json.loads(options.model_dump_json())) == options


def test_the_catalogue_is_json_with_every_preset_and_option() -> None:
    families = json.loads(json.dumps(describe()))["families"]
    assert [family["family"] for family in families] == ["vae", "gan"]
    for family in families:
        assert [preset["name"] for preset in family["presets"]] == ["thesis", "default"]
        for preset in family["presets"]:
            assert set(preset["defaults"]) == set(family["options"]["properties"])
            assert preset["summary"]
            assert preset["network"]
            assert preset["exact"] == (preset["name"] == "thesis")
        assert all(option["description"] for option in family["options"]["properties"].values())


@pytest.mark.parametrize("family", list(PRESETS))
def test_thesis_presets_stay_exact_and_take_no_condition(family: str) -> None:
    assert resolve(family, "default", {"condition": "composer"}).condition == "composer"
    with pytest.raises(BadRunOptions) as caught:
        resolve(family, "thesis", {"condition": "composer"})
    [error] = caught.value.errors
    assert error["field"] == "condition"
    assert "the preset thesis stays as it was published and takes no condition" in error["message"]


def test_a_condition_that_is_no_text_says_what_it_must_be() -> None:
    with pytest.raises(BadRunOptions, match="condition must be text of at most 32 characters, got 5"):
        resolve("vae", "default", {"condition": 5})
