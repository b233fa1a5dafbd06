"""The latest hair pixels of each colour, and how far edited ones are from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from training.losses.colour import colour_points, sliced_wasserstein


class ColourBank:
    """Remembers the latest pixels of several kinds, so that a batch can be compared with more than itself holds.

    Args:
        kinds: how many sets of pixels.
        device: where they are kept.
        size: pixels of a kind.
    """

    def __init__(self, kinds: int, device: torch.device, size: int = 4096) -> None:
        self.points = torch.zeros(kinds, size, 5, device=device)
        self.counts = [0] * kinds

    def add(self, kind: int, points: Tensor) -> None:
        """Take in `(N, 5)` points (`colour_points`); the oldest make room."""
        device = self.points.device
        where = (self.counts[kind] + torch.arange(len(points), device=device)) % self.points.shape[1]
        self.points[kind, where] = points.detach()
        self.counts[kind] += len(points)

    def is_ready(self, kind: int, at_least: int = 512) -> bool:
        """Tell whether enough pixels of a kind have been seen."""
        return self.counts[kind] >= at_least

    def draw(self, kind: int, n: int) -> Tensor:
        """Return `(n, 5)` points of a kind, drawn with replacement."""
        filled = min(self.counts[kind], self.points.shape[1])
        return self.points[kind, torch.randint(filled, (n,), device=self.points.device)]

    def tint_excess(self, kind: int, points: Tensor, n_bins: int = 12, free: float = 1.0) -> Tensor:
        """How far tints are from those that a kind has at the same lightness.

        The distance of distributions lets a green pixel pay for a purple one; this does not.

        Args:
            kind: which pixels to compare with.
            points: `(N, 5)` (`colour_points`).
            n_bins: steps of lightness between black and white.
            free: standard deviations that cost nothing.

        Returns:
            The mean squared excess over `free` standard deviations of a and b, in units of `colour_points`.
        """
        known = self.points[kind, : min(self.counts[kind], self.points.shape[1])]
        place = (known[:, 0] * n_bins).long().clamp(0, n_bins - 1)
        share = F.one_hot(place, n_bins).to(known.dtype)
        # A few pixels of the whole kind stand in for a lightness that the bank does not hold.
        prior, whole = 8.0, known[:, 1:3]
        count = share.sum(0)[:, None] + prior
        mean = (share.T @ whole + prior * whole.mean(0)) / count
        square = (share.T @ whole.square() + prior * whole.square().mean(0)) / count
        deviation = (square - mean.square()).clamp_min(1e-4).sqrt()
        at = (points[:, 0].detach() * n_bins).long().clamp(0, n_bins - 1)
        return F.relu((points[:, 1:3] - mean[at]).abs() - free * deviation[at]).square().mean()

    def compare(
        self,
        real: Tensor,
        made: Tensor,
        mask: Tensor,
        present: Tensor,
        wanted: Tensor,
        n_pixels: int = 96,
        free: Sequence[float] = (1.0,),
    ) -> tuple[Tensor, Tensor]:
        """Take in the pixels of real hair, and compare edited hair with the real one of the colour that was wanted.

        Args:
            real: pictures `(N, 3, H, W)`, [-1, 1].
            made: the same, edited.
            mask: `(N, 1, H, W)`, where hair is, 0..1.
            present: `(N, kinds)`, 0 or 1, the colours that the pictures have.
            wanted: as `present`, the colours that were asked for.
            n_pixels: drawn from each picture, hair first.
            free: as `tint_excess`, one for all kinds or one for each.

        Returns:
            The sliced Wasserstein distance of edited to real pixels, and the `tint_excess` of the edited ones; each the
            mean over the wanted colours that the bank knows, 0 where there is none.
        """
        where = mask.flatten(1).square() + 1e-6
        index = torch.multinomial(where, n_pixels)[:, None].expand(-1, 3, -1)
        known = colour_points(real.flatten(2).gather(2, index))
        new = colour_points(made.flatten(2).gather(2, index))
        device = self.points.device
        apart, excess, n = torch.zeros((), device=device), torch.zeros((), device=device), 0
        for kind in range(len(self.counts)):
            self.add(kind, known[present[:, kind] == 1].flatten(0, 1))
            points = new[wanted[:, kind] == 1].flatten(0, 1)
            if len(points) and self.is_ready(kind):
                apart = apart + sliced_wasserstein(points, self.draw(kind, len(points)))
                excess = excess + self.tint_excess(kind, points, free=free[min(kind, len(free) - 1)])
                n += 1
        return apart / max(n, 1), excess / max(n, 1)

    def state_dict(self) -> dict[str, Any]:
        """Return `bank` and `banked`: the pixels, and how many of each kind came in."""
        return {"bank": self.points, "banked": list(self.counts)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        self.points = state["bank"].to(self.points.device)
        self.counts = [int(n) for n in state["banked"]]
