"""A normalising flow that takes out of z what the class says of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.networks.autoencoder import Encoded

__all__ = ["ClassFlow", "ConditionalFlow", "FlowDecoder", "FlowEncoder"]

_MAX_LOG_SCALE = 2.0  # of one layer, so that no product of layers overflows


class ConditionalFlow(nn.Module):
    """An invertible map of z that depends on a class code s, trained so that its result is N(0, I) in every class.

    What is distributed alike in every class says nothing of it, and nothing is lost: with s, z can be had back.

    Reference: Dinh et al. 2017, "Density estimation using Real NVP" (arXiv 1605.08803), for the layers; Balunovic et
        al. 2022, "Fair normalizing flows" (arXiv 2106.05937), for one common distribution of all groups.

    Args:
        z_dim: dimensions of z, 2 or more.
        s_dim: dimensions of s.
        n_layers: coupling layers; each changes half of the dimensions.
        width: hidden units of their networks.
    """

    def __init__(self, z_dim: int, s_dim: int, n_layers: int, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Coupling(z_dim, s_dim, width, order) for order in _orders(z_dim, n_layers))

    def forward(self, z: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """Map `(N, Z)` and `(N, S)` to the code `(N, Z)`, and the log of its volume beside that of z, `(N,)`."""
        log_volume = z.new_zeros(len(z))
        for layer in self.layers:
            z, more = layer(z, s)
            log_volume = log_volume + more
        return z, log_volume

    def inverse(self, code: Tensor, s: Tensor) -> Tensor:
        """Map the code back to z."""
        for layer in reversed(self.layers):
            code = layer.inverse(code, s)  # type: ignore[operator]
        return code

    def loss(self, z: Tensor, s: Tensor) -> Tensor:
        """Return the negative log-likelihood of z given s, nats, `(N,)`, but for a constant."""
        code, log_volume = self(z, s)
        return 0.5 * code.square().sum(1) - log_volume


class _Coupling(nn.Module):
    """Scale and shift half of the dimensions by what the other half and s say; they are put in order before."""

    def __init__(self, z_dim: int, s_dim: int, width: int, order: Tensor) -> None:
        super().__init__()
        self.n_kept = z_dim // 2
        self.order, self.back = order.tolist(), order.argsort().tolist()
        last = nn.Linear(width, 2 * (z_dim - self.n_kept))
        nn.init.zeros_(last.weight)  # begins as no change
        nn.init.zeros_(last.bias)
        self.affine = nn.Sequential(
            nn.Linear(self.n_kept + s_dim, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), last
        )

    def forward(self, z: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        z = z[:, self.order]
        kept, moved = z[:, : self.n_kept], z[:, self.n_kept :]
        log_scale, shift = self._affine(kept, s)
        return torch.cat([kept, moved * log_scale.exp() + shift], 1), log_scale.sum(1)

    def inverse(self, code: Tensor, s: Tensor) -> Tensor:
        kept, moved = code[:, : self.n_kept], code[:, self.n_kept :]
        log_scale, shift = self._affine(kept, s)
        return torch.cat([kept, (moved - shift) * (-log_scale).exp()], 1)[:, self.back]

    def _affine(self, kept: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        log_scale, shift = self.affine(torch.cat([kept, s], 1)).chunk(2, 1)
        return _MAX_LOG_SCALE * torch.tanh(log_scale / _MAX_LOG_SCALE), shift


def _orders(n: int, n_layers: int) -> list[Tensor]:
    """Return an order of the dimensions for each layer: a random one, then its halves changed over, and so on."""
    generator = torch.Generator().manual_seed(0)
    halves = torch.arange(n).roll(n - n // 2)
    return [halves if i % 2 else torch.randperm(n, generator=generator) for i in range(n_layers)]


class ClassFlow(nn.Module):
    """A flow that sees the class codes in place of an encoder's s.

    s of one class differs from picture to picture, and so does z: a flow that sees it would take from z, beside the
    class, the style that s tells too. So it sees the mean of the class codes, weighted by how near s is to each:
    softmax of minus the squared distance.

    Args:
        flow: as it was trained on pairs of z and the code of the picture's class.
        classes: `(K, S)` the codes of the classes.
    """

    classes: Tensor

    def __init__(self, flow: ConditionalFlow, classes: Tensor) -> None:
        super().__init__()
        self.flow = flow
        self.register_buffer("classes", classes.detach().clone())

    def forward(self, z: Tensor, s: Tensor) -> Tensor:
        """Map `(N, Z)` and `(N, S)` to the code `(N, Z)`."""
        code: Tensor = self.flow(z, self._class_codes(s))[0]
        return code

    def inverse(self, code: Tensor, s: Tensor) -> Tensor:
        """Map the code back to z."""
        return self.flow.inverse(code, self._class_codes(s))

    def _class_codes(self, s: Tensor) -> Tensor:
        distance = (s[:, None] - self.classes).square().sum(2)
        return torch.softmax(-distance, 1) @ self.classes


class FlowEncoder(nn.Module):
    """An encoder whose z goes through a flow."""

    def __init__(self, encoder: nn.Module, flow: ClassFlow) -> None:
        super().__init__()
        self.encoder, self.flow = encoder, flow

    def forward(self, image: Tensor) -> Encoded:
        """Encode `(N, C, H, W)` in [-1, 1]."""
        code = self.encoder(image)
        return Encoded(code.s, self.flow(code.z, code.s), None, None)


class FlowDecoder(nn.Module):
    """The decoder beside `FlowEncoder`."""

    def __init__(self, decoder: nn.Module, flow: ClassFlow) -> None:
        super().__init__()
        self.decoder, self.flow = decoder, flow

    def forward(self, s: Tensor, z: Tensor) -> Tensor:
        """Decode `(N, S)` and `(N, Z)` to `(N, C, H, W)`."""
        image: Tensor = self.decoder(s, self.flow.inverse(z, s))
        return image
