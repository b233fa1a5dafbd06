"""PixelCNN: the exact likelihood of a picture, pixel by pixel, and sampling that keeps what it has computed.

Two stacks (van den Oord et al. 2016, "Conditional image generation with PixelCNN decoders"): `vertical` sees all rows
above a pixel, `horizontal` the pixels to its left and, through the vertical stack, everything above; no blind spot.
Each colour of a pixel also sees the colours before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from training.networks.autoencoder import Decoder

_END = 2  # gated layers before the last one, where there are any


def quantise(image: Tensor, levels: int) -> Tensor:
    """Return the level of each value, int64 in `0 .. levels - 1`, of a picture in [-1, 1]; bins of equal width."""
    return ((image + 1.0) * (0.5 * levels)).long().clamp_(0, levels - 1)


def dequantise(index: Tensor, levels: int) -> Tensor:
    """Return pictures in [-1, 1] from levels: the first level is -1, the last is 1."""
    return index.float() * (2.0 / (levels - 1)) - 1.0


class Pixels(nn.Module):
    """`log p(image | condition)` of pictures whose values have levels.

    Args:
        levels: values that a channel can take.
    """

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the logits of every level of every value in one pass, `(N, levels, C, H, W)`; as `PixelCNN`."""
        raise NotImplementedError

    def nll(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the negative log-likelihood of pictures in [-1, 1] in nats, `(N,)`, summed over all values."""
        index = quantise(image, self.levels)
        logits = self(dequantise(index, self.levels), condition)
        return F.cross_entropy(logits, index, reduction="none").flatten(1).sum(1)


class IndependentPixels(Pixels):
    """`log p(image | condition)` as a product over values that do not see each other: what the decoder of a VAE says.

    Args:
        channels: of the picture.
        levels: values that a channel can take.
        n_condition: channels of the condition, which has the picture's size.
    """

    def __init__(self, channels: int, levels: int, n_condition: int) -> None:
        super().__init__(levels)
        self.channels = channels
        self.head = nn.Conv2d(n_condition, channels * levels, 1)

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the logits, as `PixelCNN.forward`; the picture does not count."""
        if condition is None:
            raise ValueError("pixels that do not see each other need a condition")
        logits: Tensor = self.head(condition).unflatten(1, (self.levels, self.channels))
        return logits

    @torch.no_grad()
    def sample(
        self,
        condition: Tensor,
        generator: torch.Generator | None = None,
        uniform: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Draw pictures, all values at once; arguments as `PixelCNN.sample`, `size` as the condition has it."""
        logits = self(condition, condition).movedim(1, -1)  # N, C, H, W, levels
        if uniform is None:
            n, channels, height, width = logits.shape[:4]
            uniform = torch.rand((n, height, width, channels), generator=generator, device=condition.device)
        index = draw(logits.flatten(0, 3), uniform.movedim(-1, 1).flatten())
        return dequantise(index, self.levels).view(logits.shape[:4])


class PixelCNN(Pixels):
    """`log p(image | condition)` as a product over pixels in reading order and, within one, over colours.

    Convolutions are shifted instead of masked: they hold only the weights that a mask would leave.

    Args:
        channels: of the picture.
        levels: values that a channel can take.
        width: channels of both stacks.
        n_layers: layers of both stacks.
        n_condition: channels of what each pixel is conditioned on; 0 for nothing.
        gated: `tanh(a) sigmoid(b)` (equation 2 of the paper) instead of a ReLU.
        kernel: side of what a layer sees, px, odd; `kernel // 2 + 1` rows or columns of it are stored.
        first_kernel: the same of the first layer; None: `kernel`.
        full: the condition enters both stacks and two gated layers before the last one, for pictures of one channel;
            else it enters the horizontal stack alone, and one layer of ReLU follows for each colour.

    Raises:
        ValueError: `full` of a picture with colours, or without gates or condition.
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
        first_kernel: int | None = None,
        full: bool = False,
    ) -> None:
        super().__init__(levels)
        if full and (channels != 1 or not gated or not n_condition):
            raise ValueError("full needs one channel, gates and a condition")
        self.gated, self.full = gated, full
        self.kernels = [first_kernel or kernel] + [kernel] * (n_layers - 1)
        self.reach = [k // 2 + 1 for k in self.kernels]
        self.n_in = n_in = [channels] + [width] * (n_layers - 1)
        n_gates = width * (1 + gated)
        seen = list(zip(n_in, self.reach, self.kernels, strict=True))
        self.vertical = nn.ModuleList(nn.Conv2d(n, n_gates, (reach, k)) for n, reach, k in seen)
        self.horizontal = nn.ModuleList(nn.Conv2d(n, n_gates, (1, reach), bias=False) for n, reach, _ in seen)
        self.link = nn.ModuleList(nn.Conv2d(n_gates, n_gates, 1) for _ in n_in)
        self.mix = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in n_in)
        n_conditioned = 2 * n_layers + _END if full else n_layers
        self.condition = nn.Conv2d(n_condition, n_conditioned * n_gates, 1, bias=False) if n_condition else None
        if full:
            self.end = nn.ModuleList(nn.Conv2d(width, n_gates, 1) for _ in range(_END))
            self.head = nn.ModuleList([nn.Conv2d(width, levels, 1)])
        else:
            self.head = nn.ModuleList(
                nn.Sequential(
                    nn.Conv2d(width + c, 2 * width, 1), nn.ReLU(inplace=True), nn.Conv2d(2 * width, levels, 1)
                )
                for c in range(channels)
            )

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """Return the logits of every level of every value in one pass.

        Args:
            image: `(N, C, H, W)` in [-1, 1], already at its levels (`dequantise(quantise(image))`).
            condition: `(N, n_condition, H, W)`, or `(N, n_condition, 1, 1)` for the same everywhere.

        Returns:
            `(N, levels, C, H, W)`.
        """
        v = h = image
        conditions = self._conditions(condition)
        height, width = image.shape[2:]
        for i, (vertical, horizontal) in enumerate(zip(self.vertical, self.horizontal, strict=True)):
            # The first layer sees only what lies before a pixel; later ones also their own place.
            reach, margin = self.reach[i], self.kernels[i] // 2
            before = reach - int(i > 0)
            above = F.pad(v, (margin, margin, before, 0))[:, :, : height + reach - 1]
            left = F.pad(h, (before, 0))[..., : width + reach - 1]
            v_gates = vertical(above)
            h_gates = horizontal(left) + self.link[i](v_gates)
            if conditions.horizontal:
                h_gates = h_gates + conditions.horizontal[i]
            if conditions.vertical:
                v_gates = v_gates + conditions.vertical[i]
            v, out = self._gate(v_gates), self.mix[i](self._gate(h_gates))
            h = out if i == 0 else h + out
        return torch.stack([self._logits(c, h, image[:, :c], conditions.end) for c in range(len(self.head))], 2)

    @torch.no_grad()
    def sample(
        self,
        condition: Tensor,
        generator: torch.Generator | None = None,
        uniform: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Draw pictures pixel by pixel; each pixel computes only its own activations, from those kept of earlier ones.

        The vertical stack is computed a row at a time, the horizontal one a pixel at a time.

        Args:
            condition: as `forward`; without a condition only its shape counts.
            generator: of the draws.
            uniform: `(N, H, W, C)`, numbers in 0..1 by which values are drawn; None draws them too.
            size: height and width of the pictures, px; None: those of the condition.

        Returns:
            `(N, C, H, W)` in [-1, 1].
        """
        with parametrize.cached():  # weight norm once, not once a pixel
            return self._sample(condition, size or (condition.shape[2], condition.shape[3]), generator, uniform)

    def _sample(
        self, condition: Tensor, size: tuple[int, int], generator: torch.Generator | None, uniform: Tensor | None
    ) -> Tensor:
        n, (height, width) = len(condition), size
        if uniform is None:
            shape = (n, height, width, len(self.head))
            uniform = torch.rand(shape, generator=generator, device=condition.device)
        conditions = self._conditions(condition, size)
        margins = [k // 2 for k in self.kernels]
        # Inputs of each layer of the vertical stack, with its margins; the first is the picture itself.
        rows = [
            condition.new_zeros(n, n_in, height + self.reach[i] - int(i > 0), width + 2 * margins[i])
            for i, n_in in enumerate(self.n_in)
        ]
        for y in range(height):
            links = []
            for i, vertical in enumerate(self.vertical):
                gates = vertical(rows[i][:, :, y : y + self.reach[i]])
                links.append(self.link[i](gates)[:, :, 0])
                if conditions.horizontal:
                    links[i] = links[i] + conditions.horizontal[i][:, :, y]
                if conditions.vertical:
                    gates = gates + conditions.vertical[i][:, :, y : y + 1]
                if i + 1 < len(rows):
                    row, left = y + self.reach[i + 1] - 1, margins[i + 1]
                    rows[i + 1][:, :, row, left : left + width] = self._gate(gates)[:, :, 0]
            end = [part[:, :, y] for part in conditions.end]
            rows[0][:, :, y + self.reach[0], margins[0] : margins[0] + width] = self._row(links, end, uniform[:, y])
        return rows[0][:, :, self.reach[0] :, margins[0] : margins[0] + width].contiguous()

    def _row(self, links: list[Tensor], end: list[Tensor], uniform: Tensor) -> Tensor:
        """Draw one row, `(N, C, W)`.

        Args:
            links: what is known before it, `(N, n_gates, W)` of the gates of each layer.
            end: the condition of the last gated layers, `(N, n_gates, W)` each.
            uniform: `(N, W, C)`, as in `sample`.
        """
        n, width = uniform.shape[:2]
        weights = [torch.as_tensor(horizontal.weight).flatten(1) for horizontal in self.horizontal]
        reach = self.reach
        kept = [
            links[0].new_zeros(n, n_in, width + reach[i] - int(i > 0)) for i, n_in in enumerate(self.n_in)
        ]  # inputs of each layer of the horizontal stack
        for x in range(width):
            for i in range(len(self.horizontal)):
                seen = kept[i][:, :, x : x + reach[i]].flatten(1)
                gates = F.linear(seen, weights[i]) + links[i][:, :, x]
                h = self.mix[i](self._gate(gates)[:, :, None, None]).flatten(1)
                if i > 0:
                    h = h + kept[i][:, :, x + reach[i] - 1]
                if i + 1 < len(kept):
                    kept[i + 1][:, :, x + reach[i + 1] - 1] = h
            for c in range(len(self.head)):
                before = kept[0][:, :c, x + reach[0], None, None]
                here = [part[:, :, x, None, None] for part in end]
                logits = self._logits(c, h[:, :, None, None], before, here).flatten(1)
                kept[0][:, c, x + reach[0]] = dequantise(draw(logits, uniform[:, x, c]), self.levels)
        return kept[0][:, :, reach[0] :]

    def _logits(self, c: int, h: Tensor, before: Tensor, end: Sequence[Tensor]) -> Tensor:
        """Return the logits of one colour, `(N, levels, H, W)`.

        Args:
            c: which colour.
            h: `(N, width, H, W)`, of the horizontal stack.
            before: `(N, c, H, W)`, the colours before it.
            end: the condition of the last gated layers.
        """
        if self.full:
            for layer, part in zip(self.end, end, strict=True):
                h = self._gate(layer(h) + part)
        else:
            h = torch.cat([h, before], 1)
        logits: Tensor = self.head[c](h)
        return logits

    def _gate(self, gates: Tensor) -> Tensor:
        if not self.gated:
            return torch.relu(gates)
        a, b = gates.chunk(2, 1)
        return torch.tanh(a) * torch.sigmoid(b)

    def _conditions(self, condition: Tensor | None, size: tuple[int, int] | None = None) -> _Conditions:
        """Return the condition's share of the gates of each layer, where a size is given at each place."""
        if self.condition is None or condition is None:
            return _Conditions([], [], [])
        found: Tensor = self.condition(condition)
        n = len(self.vertical)
        parts = list(
            (found if size is None else found.expand(-1, -1, *size)).chunk(2 * n + _END if self.full else n, 1)
        )
        return _Conditions(parts[:n], parts[n : 2 * n], parts[2 * n :])


class _Conditions(NamedTuple):
    """What a condition adds to the gates: a tensor for each layer of a stack, none where a stack does not see it."""

    horizontal: list[Tensor]
    vertical: list[Tensor]
    end: list[Tensor]


def with_weight_norm(network: nn.Module) -> None:
    """Let every convolution and linear layer learn length and direction of its weights apart, one length an output.

    Reference: Salimans and Kingma 2016, arXiv 1602.07868, equation 2.
    """
    for layer in list(network.modules()):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            weight_norm(layer)


def without_weight_norm(network: nn.Module) -> None:
    """Put back plain weights of the same values, as a graph needs them; copies of the network stay as they are."""
    for layer in list(network.modules()):
        if parametrize.is_parametrized(layer, "weight"):
            weight = nn.Parameter(torch.as_tensor(layer.weight).detach().clone())
            # PyTorch's remove_parametrizations takes the weight from the class, which copies of a layer share.
            layer.__class__ = type(layer).__bases__[0]
            del layer.parametrizations
            layer.weight = weight


def draw(logits: Tensor, uniform: Tensor) -> Tensor:
    """Draw one level each from `(N, levels)` by inversion of numbers `(N,)` in 0..1; int64 `(N,)`."""
    return (logits.softmax(1).cumsum(1) < uniform[:, None]).sum(1).clamp_max(logits.shape[1] - 1)


class Levels(nn.Module):
    """Picture so far and condition -> probability of each level of each value, `(N, levels, C, H, W)`."""

    def __init__(self, pixels: Pixels) -> None:
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
        pixel_layers: as `PixelCNN`; 0: no pixel sees another (`IndependentPixels`).
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
        self.pixels: PixelCNN | IndependentPixels = (
            PixelCNN(channels, levels, pixel_width, pixel_layers, width, gated)
            if pixel_layers
            else IndependentPixels(channels, levels, width)
        )

    def features(self, s: Tensor, z: Tensor) -> Tensor:
        """Return the map, `(N, width, H, W)`."""
        return torch.relu(self.map(s, z))

    def draft(self, features: Tensor) -> Tensor:
        """Return the draft picture, `(N, C, H, W)` in [-1, 1]."""
        return torch.tanh(self.to_draft(features))

    def forward(self, s: Tensor, z: Tensor) -> Tensor:
        """Decode to the draft picture."""
        return self.draft(self.features(s, z))
