"""What a translating generator returns, and how that is carried out on a picture as an edit does it on a photo.

An image is what CycleGAN and StarGAN return. A bilateral grid of colour transforms (`training.networks.bilateral`) and
a flow with paint (`training.networks.flow`) are carried out on the photo's own pixels, which keep their resolution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from imgedit.render.grid import CONTRAST
from training.losses.colour import with_contrast
from training.method import Graph
from training.networks.bilateral import BilateralGenerator
from training.networks.flow import PaintGenerator, carry_out
from training.networks.translators import ResnetGenerator

__all__ = ["HEADS", "Head", "guide_graph", "recoloured"]

_CELLS = 2  # of a grid, each way

Carry = Callable[[Any, Tensor, Tensor, Tensor | None], Tensor]
"""Network, what it returned, the picture, where it may act, `(N, 1, H, W)`: to the edited picture, [-1, 1]."""


@dataclass(frozen=True)
class Head:
    """One kind of generator.

    Attributes:
        output: what an edit gets from it, as the manifest says it.
        name: of its graph's output.
        is_masked: it acts in a mask alone, which pictures must have.
        build: from width and number of residual blocks to a network that takes a picture, `(N, 3, H, W)`.
        carry: carries out what the network returned.
    """

    output: str
    name: str
    is_masked: bool
    build: Callable[[int, int], nn.Module]
    carry: Carry


def recoloured(network: BilateralGenerator, grid: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """Recolour what a mask shows, with its own contrast.

    Args:
        network: slices grids.
        grid: `(N, 12, D, h, w)`.
        image: `(N, 3, H, W)`, [-1, 1].
        mask: `(N, 1, H, W)`, 0..1.
    """
    out = with_contrast(image, network.render(grid, image).clamp(-1.0, 1.0), mask, CONTRAST)
    return (image + mask * (out - image)).clamp(-1.0, 1.0)


def guide_graph(network: BilateralGenerator, image: Tensor) -> Graph:
    """Return the graph of the role `guide`, for pictures of any size.

    Args:
        network: whose guide.
        image: an example.
    """
    free = {2: "height", 3: "width"}
    return Graph(network.guide, {"image": image}, ["guide"], {"image": free, "guide": free})


def _masked(network: BilateralGenerator, grid: Tensor, image: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        raise ValueError("a grid of colours acts in a mask")
    return recoloured(network, grid, image, mask)


HEADS: dict[str, Head] = {
    "image": Head(
        "image", "image_out", False, lambda width, n_blocks: ResnetGenerator(0, width, n_blocks),
        lambda _, raw, image, mask: raw,
    ),
    "grid": Head(
        "grid", "grid", True, lambda width, _: BilateralGenerator(0, width, _CELLS), _masked,
    ),
    "paint": Head(
        "flow", "fields", False, PaintGenerator,
        lambda _, raw, image, mask: carry_out(raw, image)[0],
    ),
}  # fmt: skip
"""By the name that settings give."""
