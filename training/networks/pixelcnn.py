"""PixelCNN: the exact likelihood of a picture, pixel by pixel, and sampling that keeps what it has computed.

Two stacks (van den Oord et al. 2016, "Conditional image generation with PixelCNN decoders"): `vertical` sees all rows
above a pixel, `horizontal` the pixels to its left and, through the vertical stack, everything above; no blind spot.
Each colour of a pixel also sees the colours before it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.autoencoder import Decoder


def quantise(image: Tensor, levels: int) -> Tensor:
    """Return the level of each value, int64 in `0 .. levels - 1`, of a picture in [-1, 1]; bins of equal width."""
    return ((image + 1.0) * (0.5 * levels)).long().clamp_(0, levels - 1)


def dequantise(index: Tensor, levels: int) -> Tensor:
    """Return pictures in [-1, 1] from levels: the first level is -1, the last is 1."""
    return index.float() * (2.0 / (levels - 1)) - 1.0


class PixelCNN(nn.Module):
    """`log p(image | condition)` as a product over pixels in reading order and, within one, over colours.

    Convolutions are shifted instead of masked: they hold only the weights that a mask would leave.

    Args:
        channels: of the picture.
        levels: values that a channel can take.
        width: channels of both stacks.
        n_layers: layers of both stacks.
        n_condition: channels of the map that each pixel is conditioned on; 0 for none. Only the horizontal stack sees
            it (in the paper both do).
        gated: `tanh(a) sigmoid(b)` (equation 2 of the paper) instead of a ReLU.
        kernel: side of what a layer sees, px, odd; `kernel // 2 + 1` rows or columns of it are stored.
    """

    def __init__(
        self,
        channels: int,
        levels: int,
        width: int,
        n_layers: int,
        n_condition: int = 0,
        gated: bool = True,
        kernel: int = 3,
    ) -> None:
        super().__init__()
        self.levels, self.gated, self.kernel = levels, gated, kernel
        self.reach = kernel // 2 + 1
        self.n_in = n_in = [channels] + [width] * (n_layers - 1)
        n_gates = width * (1 + gated)
        self.vertical = nn.ModuleList(nn.Conv2d(n, n_gates, (self.reach, kernel)) for n in n_in)
        self.horizontal = nn.ModuleList(nn.Conv2d(n, n_gates, (1, self.reach), bias=False) for n in n_in)
        self.link = nn.ModuleList(nn.Conv2d(n_gates, n_gates, 1) for _ in n_in)
        self.mix = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in n_in)
        self.condition = nn.Conv2d(n_condition, n_layers * n_gates, 1, bias=False) if n_condition else None
        self.head = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width + c, 2 * width, 1), nn.ReLU(inplace=True), nn.Conv2d(2 * width, levels, 1))
            for c in range(channels)
        )

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the logits of every level of every value in one pass.

        Args:
            image: `(N, C, H, W)` in [-1, 1], already at its levels (`dequantise(quantise(image))`).
            condition: `(N, n_condition, H, W)`.

        Returns:
            `(N, levels, C, H, W)`.
        """
        v = h = image
        conditions = self._conditions(condition)
        margin = self.kernel // 2
        for i, (vertical, horizontal) in enumerate(zip(self.vertical, self.horizontal, strict=True)):
            # The first layer sees only what lies before a pixel; later ones also their own place.
            before = self.reach - int(i > 0)
            height, width = image.shape[2:]
            above = F.pad(v, (margin, margin, before, 0))[:, :, : height + self.reach - 1]
            left = F.pad(h, (before, 0))[..., : width + self.reach - 1]
            v_gates = vertical(above)
            h_gates = horizontal(left) + self.link[i](v_gates)
            if conditions is not None:
                h_gates = h_gates + conditions[i]
            v, out = self._gate(v_gates), self.mix[i](self._gate(h_gates))
            h = out if i == 0 else h + out
        return torch.stack([head(torch.cat([h, image[:, :c]], 1)) for c, head in enumerate(self.head)], 2)

    def nll(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the negative log-likelihood of pictures in [-1, 1] in nats, `(N,)`, summed over all values."""
        index = quantise(image, self.levels)
        logits = self(dequantise(index, self.levels), condition)
        return F.cross_entropy(logits, index, reduction="none").flatten(1).sum(1)

    @torch.no_grad()
    def sample(
        self, condition: Tensor, generator: torch.Generator | None = None, uniform: Tensor | None = None
    ) -> Tensor:
        """Draw pictures pixel by pixel; each pixel computes only its own activations, from those kept of earlier ones.

        The vertical stack is computed a row at a time, the horizontal one a pixel at a time.

        Args:
            condition: `(N, n_condition, H, W)`; without a condition only its shape counts.
            generator: of the draws.
            uniform: `(N, H, W, C)`, numbers in 0..1 by which values are drawn; None draws them too.

        Returns:
            `(N, C, H, W)` in [-1, 1].
        """
        n, _, height, width = condition.shape
        if uniform is None:
            shape = (n, height, width, len(self.head))
            uniform = torch.rand(shape, generator=generator, device=condition.device)
        conditions = self._conditions(condition)
        margin = self.kernel // 2
        # Inputs of each layer of the vertical stack, with its margins; the first is the picture itself.
        rows = [
            condition.new_zeros(n, size, height + self.reach - int(i > 0), width + 2 * margin)
            for i, size in enumerate(self.n_in)
        ]
        for y in range(height):
            links = []
            for i, vertical in enumerate(self.vertical):
                gates = vertical(rows[i][:, :, y : y + self.reach])
                links.append(self.link[i](gates)[:, :, 0])
                if conditions is not None:
                    links[i] = links[i] + conditions[i][:, :, y]
                if i + 1 < len(rows):
                    rows[i + 1][:, :, y + self.reach - 1, margin : margin + width] = self._gate(gates)[:, :, 0]
            rows[0][:, :, y + self.reach, margin : margin + width] = self._row(links, width, uniform[:, y])
        return rows[0][:, :, self.reach :, margin : margin + width].contiguous()

    def _row(self, links: list[Tensor], width: int, uniform: Tensor) -> Tensor:
        """Draw one row, `(N, C, W)`.

        Args:
            links: what is known before it, `(N, n_gates, W)` of the gates of each layer.
            width: W.
            uniform: `(N, W, C)`, as in `sample`.
        """
        n = links[0].shape[0]
        weights = [weight.flatten(1) for weight in self.horizontal.parameters()]
        kept = [
            links[0].new_zeros(n, size, width + self.reach - int(i > 0)) for i, size in enumerate(self.n_in)
        ]  # inputs of each layer of the horizontal stack
        for x in range(width):
            for i in range(len(self.horizontal)):
                seen = kept[i][:, :, x : x + self.reach].flatten(1)
                gates = F.linear(seen, weights[i]) + links[i][:, :, x]
                h = self.mix[i](self._gate(gates)[:, :, None, None]).flatten(1)
                if i > 0:
                    h = h + kept[i][:, :, x + self.reach - 1]
                if i + 1 < len(kept):
                    kept[i + 1][:, :, x + self.reach - 1] = h
            for c, head in enumerate(self.head):
                before = kept[0][:, :c, x + self.reach]
                logits = head(torch.cat([h, before], 1)[:, :, None, None]).flatten(1)
                kept[0][:, c, x + self.reach] = dequantise(draw(logits, uniform[:, x, c]), self.levels)
        return kept[0][:, :, self.reach :]

    def _gate(self, gates: Tensor) -> Tensor:
        if not self.gated:
            return torch.relu(gates)
        a, b = gates.chunk(2, 1)
        return torch.tanh(a) * torch.sigmoid(b)

    def _conditions(self, condition: Tensor | None) -> tuple[Tensor, ...] | None:
        """Return the condition's share of the gates of each layer."""
        if self.condition is None or condition is None:
            return None
        return self.condition(condition).chunk(len(self.vertical), 1)


def draw(logits: Tensor, uniform: Tensor) -> Tensor:
    """Draw one level each from `(N, levels)` by inversion of numbers `(N,)` in 0..1; int64 `(N,)`."""
    return (logits.softmax(1).cumsum(1) < uniform[:, None]).sum(1).clamp_max(logits.shape[1] - 1)


class Levels(nn.Module):
    """Picture so far and condition -> probability of each level of each value, `(N, levels, C, H, W)`."""

    def __init__(self, pixels: PixelCNN) -> None:
        super().__init__()
        self.pixels = pixels

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """Return the probabilities, as `PixelCNN.forward` its logits."""
        return self.pixels(image, condition).softmax(1)


class PixelDecoder(nn.Module):
    """A `Decoder` to a map of features, a draft picture made from each place of it, and a PixelCNN conditioned on it.

    The draft is what the code says by itself, in one pass; it is what a graph without a loop can export.

    Args:
        channels: of the picture.
        size: side of the picture, px.
        s_dim: dimensions of s; 0 for none.
        z_dim: dimensions of z.
        width: as `Decoder`; also the channels of the map.
        levels: as `PixelCNN`.
        pixel_width: as `PixelCNN`.
        pixel_layers: as `PixelCNN`.
        gated: as `PixelCNN`.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        s_dim: int,
        z_dim: int,
        width: int,
        levels: int,
        pixel_width: int,
        pixel_layers: int,
        gated: bool = True,
    ) -> None:
        super().__init__()
        self.map = Decoder(width, size, s_dim, z_dim, width, squash=False)
        self.to_draft = nn.Conv2d(width, channels, 1)
        self.pixels = PixelCNN(channels, levels, pixel_width, pixel_layers, width, gated)

    def features(self, s: Tensor, z: Tensor) -> Tensor:
        """Return the map, `(N, width, H, W)`."""
        return torch.relu(self.map(s, z))

    def draft(self, features: Tensor) -> Tensor:
        """Return the draft picture, `(N, C, H, W)` in [-1, 1]."""
        return torch.tanh(self.to_draft(features))

    def forward(self, s: Tensor, z: Tensor) -> Tensor:
        """Decode to the draft picture."""
        return self.draft(self.features(s, z))
