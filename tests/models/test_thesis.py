"""The thesis presets, layer for layer. The numbers are those of the thesis's own networks."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from pianola.models.families.vae import VaeOptions
from pianola.models.gan import learner as gan
from pianola.models.networks import seeded_build
from pianola.models.presets import PRESETS, resolve
from pianola.models.registry import create_learner, load_generator, save_generator
from pianola.models.vae import learner as vae

from .music import batch


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def shapes(network: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(value.shape) for name, value in network.named_parameters() if name.endswith("weight")]


def test_the_vae_has_the_thesiss_layers() -> None:
    network = vae.ThesisNetwork(latent=2, hidden=32)
    assert shapes(network.encoder) == [(32, 1, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3), (64, 64, 3, 3), (32, 147456)]
    assert shapes(network.decoder) == [(147456, 2), (64, 32, 3, 3), (1, 32, 3, 3)]
    assert parameters(network) == 5_272_549
    strides = [layer.stride for layer in network.encoder if isinstance(layer, nn.Conv2d)]
    assert strides == [(1, 1), (2, 2), (1, 1), (1, 1)]
    assert PRESETS["vae"]["thesis"].network == {"latent": 2, "hidden": 32}


def test_the_gan_has_the_thesiss_layers() -> None:
    generator, discriminator = gan.ThesisGenerator(latent=100), gan.ThesisDiscriminator()
    assert shapes(generator) == [(18432, 100), (32, 64, 4, 4), (64, 64, 4, 4), (1, 64, 7, 7)]
    assert shapes(discriminator) == [(64, 1, 3, 3), (64, 64, 3, 3), (1, 36864)]
    assert (parameters(generator), parameters(discriminator)) == (1_963_201, 74_433)
    assert [layer.p for layer in discriminator.modules() if isinstance(layer, nn.Dropout)] == [0.4, 0.4]
    assert [layer.negative_slope for layer in generator.modules() if isinstance(layer, nn.LeakyReLU)] == [0.2] * 3
    assert PRESETS["gan"]["thesis"].network == {"latent": 100}


def test_the_vaes_loss_is_the_thesiss_formula() -> None:
    torch.manual_seed(0)
    network = vae.ThesisNetwork(latent=2, hidden=32)
    windows, noise = batch(4), torch.randn(4, 2)
    options = resolve("vae", "thesis", {})
    assert isinstance(options, VaeOptions)
    ours = network.losses(windows, torch.zeros(4, dtype=torch.int64), noise).total(options, options.kl_weight, 0.0)

    mean, log_variance = network.posterior(windows)
    logits = network.decoder(mean + noise * (0.5 * log_variance).exp())
    pixels = functional.binary_cross_entropy_with_logits(logits, windows)
    theirs = pixels - 5e-4 * (1 + log_variance - mean.square() - log_variance.exp()).mean()
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)


def test_the_networks_paint_what_a_plain_chain_of_layers_paints() -> None:
    """The fast layout in memory and the work in place change nothing."""
    torch.manual_seed(0)
    network = vae.ThesisNetwork(latent=2, hidden=32)
    plain = [layer for layer in network.encoder if not isinstance(layer, nn.ReLU)]
    hidden = batch(2)
    for layer in plain:
        hidden = layer(hidden) if isinstance(layer, nn.Flatten) else torch.relu(layer(hidden))
    z = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    up, out = (layer for layer in network.decoder.paint if not isinstance(layer, nn.ReLU))
    painted = out(torch.relu(up(torch.relu(network.decoder.expand(z)).view(2, 64, 48, 48))))
    expected = network.mean(hidden), painted
    fast = seeded_build(0, vae.ThesisNetwork, {"latent": 2, "hidden": 32})
    fast.load_state_dict(network.state_dict())
    assert next(fast.decoder.paint.parameters()).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(fast.posterior(batch(2))[0], expected[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(fast.decoder(z), expected[1], atol=1e-5, rtol=1e-4)


def test_the_gans_generator_ends_in_tanh_and_sees_windows_as_minus_one_and_one() -> None:
    torch.manual_seed(0)
    generator = gan.ThesisGenerator(latent=100)
    z = torch.randn(3, 100)
    hidden = generator.paint(generator.dense(z).view(3, 32, 24, 24))
    torch.testing.assert_close(generator.play(z), torch.tanh(hidden))
    assert torch.equal(generator.show(batch(2)), torch.where(batch(2) > 0, 1.0, -1.0))


@pytest.mark.parametrize(("family", "size", "reach"), [("vae", 2, 4.0), ("gan", 100, 1.0)])
def test_positions_are_drawn_evenly_as_the_thesis_drew_them(family: str, size: int, reach: float) -> None:
    learner = create_learner(family, "thesis", resolve(family, "thesis", {}), 0, 0.02)
    generator = load_generator(save_generator(learner, 1))
    assert generator.latent_size == size
    drawn = torch.tensor([generator.draw(1, index).tolist() for index in range(300)])
    assert drawn.abs().max() <= reach
    assert drawn.abs().mean().item() == pytest.approx(reach / 2, rel=0.1)
    assert drawn.std().item() == pytest.approx(reach / math.sqrt(3), rel=0.1)


@pytest.mark.parametrize("family", ["vae", "gan"])
def test_calibrating_leaves_the_thesiss_threshold(family: str) -> None:
    learner = create_learner(family, "thesis", resolve(family, "thesis", {}), 0, 0.02)
    learner.calibrate([(batch(2), None)])
    assert learner.threshold == 0.5
