"""What networks that learn from labels do alike: one network, one AdamW on one cycle, and the average that leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from training.data.batch import Batch
from training.run.optim import EMA, descend, load_matching, on_device, one_cycle, restore, set_lr, state_of


class Supervised:
    """A method with one network; a child makes the network, says its loss, and what it exports.

    Args:
        config: the method's settings; `steps`, `lr`, `weight_decay` and `ema_decay` are among them.
        network: what is trained.
        device: where.
    """

    parts = ("network", "ema", "optimizer")
    config: Any

    def __init__(self, config: Any, network: nn.Module, device: torch.device | str = "cpu") -> None:
        self.config = config
        self.device = torch.device(device)
        self.network = on_device(network, self.device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True
        )
        self.ema = EMA(self.network, config.ema_decay)
        self.steps = 0

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of a batch, and what the log shows."""
        raise NotImplementedError

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One optimizer step on one batch."""
        batch = next(stream).to(self.device)
        set_lr(self.optimizer, self.config.lr * one_cycle(self.steps, self.config.steps))
        self.network.train()
        loss, terms = self.loss(batch)
        descend(self.optimizer, loss)
        self.ema.update(self.network)
        self.steps += 1
        return {name: value.detach() for name, value in terms.items()}

    def initialise(self, state: dict[str, Any]) -> None:
        """Start from the averaged weights of another run; layers that it lacks start new."""
        load_matching(self.network, state["ema"]["network"])
        self.ema = EMA(self.network, self.config.ema_decay)

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return state_of(self, self.parts)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        restore(self, state, self.parts)

    def samples(self, batch: Batch) -> Tensor | None:
        """A classifier draws nothing."""
        return None


class Activated(nn.Module):
    """A network of logits with its activation behind it, as it is exported.

    Args:
        network: returns logits.
        activation: turns them into probabilities.
    """

    def __init__(self, network: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.activation = activation

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return probabilities."""
        probability: Tensor = self.activation(self.network(*inputs))
        return probability
