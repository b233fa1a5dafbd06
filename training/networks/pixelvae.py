"""The networks of PixelVAE for binary MNIST, in the form that conditions the PixelCNN on z itself.

Reference: Gulrajani et al. 2016, arXiv 1611.05013, and mnist_pixelvae_train.py of the authors' repository
(igul222/PixelVAE), called as its README says: 12 layers after the first, 16 channels, z of 16.
Deviations: the first layer's horizontal stack sees a pixel more to the left; rows above the picture are not zero after
the first layer; weight norm is of the weights that are stored, not also of those that a mask takes away; a decoder of
one pass learns a draft from z, without touching it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.autoencoder import LOGVAR_RANGE, Decoder, Encoded
from training.networks.pixelcnn import PixelCNN, with_weight_norm

__all__ = ["SIDE", "ReleasedEncoder", "ReleasedPixelDecoder"]

SIDE = 28
"""Side of the pictures, px."""
_FIRST_KERNEL, _KERNEL = 7, 5
_DRAFT_WIDTH = 16
# Inputs, outputs and stride of the convolutions of kernel 3: 28, 14, 7 (then 8 by zeros) and 4 px.
_LAYERS = ((1, 32, 1), (32, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 64, 2), (64, 64, 1), (64, 64, 1))
_PADDED = 4  # layers before the zeros


class ReleasedEncoder(nn.Module):
    """Eight convolutions and a linear layer, all with weight norm; it sees black and white.

    Args:
        z_dim: dimensions of z.
    """

    def __init__(self, z_dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(n_in, n_out, 3, stride, 1) for n_in, n_out, stride in _LAYERS)
        self.z = nn.Linear(64 * 4 * 4, 2 * z_dim)
        _begin(self)
        with_weight_norm(self)

    def forward(self, image: Tensor) -> Encoded:
        """Encode `(N, 1, 28, 28)` in [-1, 1], of which greys are split in the middle."""
        x = (image > 0).to(image.dtype)
        for i, layer in enumerate(self.layers):
            x = F.pad(x, (0, 1, 0, 1)) if i == _PADDED else x
            x = torch.relu(layer(x))
        mean, log_sigma = self.z(x.flatten(1)).chunk(2, 1)
        return Encoded(mean.new_zeros(len(mean), 0), mean, (2.0 * log_sigma).clamp(*LOGVAR_RANGE), None)


class ReleasedPixelDecoder(nn.Module):
    """A PixelCNN whose gates see a linear function of z, and beside it a decoder of the draft.

    Args:
        z_dim: dimensions of z.
        width: channels of the PixelCNN.
        n_layers: its layers; the first has kernel 7, the others 5.
    """

    def __init__(self, z_dim: int, width: int, n_layers: int) -> None:
        super().__init__()
        self.pixels = PixelCNN(1, 2, width, n_layers, z_dim, kernel=_KERNEL, first_kernel=_FIRST_KERNEL, full=True)
        _begin(self.pixels)
        with_weight_norm(self.pixels)
        self.to_draft = Decoder(1, SIDE, 0, z_dim, _DRAFT_WIDTH)

    def features(self, s: Tensor, z: Tensor) -> Tensor:
        """Return what the PixelCNN is conditioned on, `(N, Z, 1, 1)`; s is empty."""
        return z[:, :, None, None]

    def draft(self, features: Tensor) -> Tensor:
        """Return the draft picture, `(N, 1, 28, 28)` in [-1, 1]."""
        z = features.flatten(1)
        image: Tensor = self.to_draft(z[:, :0], z)
        return image

    def forward(self, s: Tensor, z: Tensor) -> Tensor:
        """Decode to the draft picture."""
        return self.draft(self.features(s, z))


def _begin(network: nn.Module) -> None:
    """Draw weights as the authors draw those of most layers: uniform, variance 4 / (inputs + outputs); biases are 0."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            n_out, n_in, area = *layer.weight.shape[:2], layer.weight[0, 0].numel()
            bound = (3.0 * 4.0 / (area * (n_in + n_out))) ** 0.5
            nn.init.uniform_(layer.weight, -bound, bound)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
