"""A frozen classifier, trained apart, that tells a generator in training what its pictures show."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from imgedit.errors import ConfigError


class FrozenClassifier(nn.Module):
    """`(N, 3, H, W)` in [-1, 1] -> logits `(N, K)` of K attributes; gradients reach the picture only.

    Args:
        network: the classifier.
        attributes: names of its outputs.
        size: side of the pictures that it was trained on, px; others are resized.
        crop: which window of a face they show (`imgedit.vision.geometry.WINDOWS`).
        masked: it also takes a mask, and looks at nothing else.
        name: what messages call it.
        columns: which of its outputs are returned; None: all.
    """

    def __init__(
        self,
        network: nn.Module,
        attributes: Sequence[str],
        size: int,
        crop: str,
        masked: bool = False,
        name: str = "classifier",
        columns: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.attributes = tuple(attributes)
        self.size = size
        self.crop = crop
        self.masked = masked
        self.name = name
        self.columns = list(range(len(self.attributes)) if columns is None else columns)

    def selecting(self, attributes: Sequence[str], crop: str) -> FrozenClassifier:
        """Return the same network with the outputs `attributes`, in that order.

        Args:
            attributes: what it must know.
            crop: the window that it will be shown.

        Raises:
            ConfigError: it does not know one of them, or knows another window.
        """
        if self.crop != crop:
            raise ConfigError(f"{self.name!r} knows the {self.crop} window, not {crop}")
        if unknown := [a for a in attributes if a not in self.attributes]:
            raise ConfigError(f"{self.name!r} does not know {unknown[0]!r}; known: {', '.join(self.attributes)}")
        columns = [self.attributes.index(a) for a in attributes]
        return FrozenClassifier(self.network, self.attributes, self.size, self.crop, self.masked, self.name, columns)

    def without(self, attributes: Sequence[str], crop: str) -> FrozenClassifier:
        """Return the same network with all outputs but `attributes`; arguments and errors as `selecting`."""
        return self.selecting([a for a in self.attributes if a not in attributes], crop)

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return one logit an attribute; `mask` `(N, 1, H, W)`, 0..1, is what a `masked` one looks at."""
        if self.masked:
            if mask is None:
                raise ValueError("this classifier looks at the masked part alone: give it the mask")
            logits: Tensor = self.network(self._resized(image), self._resized(mask))
        else:
            logits = self.network(self._resized(image))
        return logits[:, self.columns]

    def _resized(self, image: Tensor) -> Tensor:
        if image.shape[2] == self.size:
            return image
        return F.interpolate(image, size=self.size, mode="bilinear", antialias=True, align_corners=False)
