"""Encoders: where a window lies in a latent space, as a Gaussian over positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pianola.codec.window import SIDE
from pianola.models.conditions import LABEL_SIZE, beside, label_embedding
from pianola.models.generator import Encoder
from pianola.models.notes.decoder import Notes

LARGEST_LOG = 10.0
# Names of an encoder's tensors begin with these.
PARTS = ("encoder.", "dense.", "mean.", "log_variance.")
LABEL = "label."


class ThesisEncoder(nn.Module):
    """Four convolutions and a dense layer: the thesis, section 3.2.1."""

    def __init__(self, latent: int, hidden: int) -> None:
        super().__init__()
        self.latent = latent
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(64 * 48 * 48, hidden),
            nn.ReLU(inplace=True),
        )
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent)

    def posterior(self, windows: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See Encoder."""
        hidden = self.encoder(windows)
        return self.mean(hidden), self.log_variance(hidden)


class NoteEncoder(nn.Module):
    """Convolutions down to octaves x beats, and an outline of the window."""

    def __init__(self, latent: int, channels: list[int], hidden: int, dropout: float, conditions: int = 0) -> None:
        super().__init__()
        self.latent = latent
        self.label = label_embedding(conditions)
        told = LABEL_SIZE if conditions else 0
        self.encoder = nn.Sequential(
            nn.Conv2d(2, channels[0], (12, 6), stride=4, padding=(4, 1)),  # 24 thirds of octaves x 24 thirds of beats
            nn.ReLU(inplace=True),
            nn.Conv2d(channels[0], channels[1], (5, 5), stride=3, padding=1),  # 8 octaves x 8 beats
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Dropout(dropout),
        )
        self.dense = nn.Sequential(
            nn.LayerNorm(told + channels[1] * 64 + 2 * SIDE),
            nn.Linear(told + channels[1] * 64 + 2 * SIDE, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent)

    def posterior(self, windows: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See Encoder."""
        return self.posterior_of_notes(windows, Notes.of(windows[:, 0]), labels)

    def posterior_of_notes(self, windows: Tensor, notes: Notes, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """The same, of windows whose notes are known already."""
        seen = self.encoder(torch.stack([notes.struck, notes.held], 1))
        hidden = self.dense(beside(torch.cat([seen, outline(windows[:, 0], notes)], 1), self.label, labels))
        return self.mean(hidden), self.log_variance(hidden).clamp(-LARGEST_LOG, LARGEST_LOG)


def outline(windows: Tensor, notes: Notes) -> Tensor:
    """Which rows ever sound, and at which steps a note begins: [n, 192] of 0 and 1."""
    return torch.cat([windows.amax(2), notes.struck.amax(1)], 1)


def load_encoder(
    kind: type[ThesisEncoder | NoteEncoder], sizes: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> Encoder | None:
    """The encoder among a generating half's tensors; None where it was saved without one.

    Raises RuntimeError where its tensors are of another shape.
    """
    if not any(name.startswith(PARTS) for name in tensors):
        return None
    with torch.device("meta"):  # its weights are these, and first ones would take longer than the rest
        encoder = kind(**sizes)
    own = {name: value for name, value in tensors.items() if name.startswith((*PARTS, LABEL))}
    encoder.load_state_dict(own, assign=True)
    return encoder.eval()
