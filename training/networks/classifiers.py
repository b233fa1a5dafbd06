"""Networks that tell what a picture shows: residual ones (He et al. 2016, basic blocks)."""

from __future__ import annotations

from torch import Tensor, nn

from training.networks.blocks import ResidualBlock, conv_norm_act


class Classifier(nn.Module):
    """`(N, 3, H, W)` in [-1, 1] -> logits `(N, K)`.

    Args:
        widths: channels of the stages, each at half the size of the one before; the first at 1/2.
        blocks: residual blocks a stage.
        dropout: before the last layer.
        n_attributes: K.
    """

    def __init__(self, widths: tuple[int, ...], blocks: int, dropout: float, n_attributes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_norm_act(3, widths[0], 5, 2)]
        n_in = widths[0]
        for i, n_out in enumerate(widths):
            for j in range(blocks):
                layers.append(ResidualBlock(n_in, n_out, 2 if i and not j else 1))
                n_in = n_out
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(n_in, n_attributes)

    def forward(self, image: Tensor) -> Tensor:
        """Return one logit an attribute."""
        logits: Tensor = self.head(self.dropout(self.features(image).mean((2, 3))))
        return logits
