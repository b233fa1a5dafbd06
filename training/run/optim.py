"""What every training does to its weights: average them, step an optimizer, set its rate, store and restore them."""

from __future__ import annotations

import contextlib
import copy
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


class EMA(Generic[M]):
    """Exponential moving average of a network's parameters and buffers, with the usual warm-up of the decay.

    Not an average of the optimizer: only what inference reads.

    Args:
        network: what is averaged; the average begins as a copy of it.
        decay: share of the average that stays at each update; 0 follows the network.
    """

    def __init__(self, network: M, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.network = copy.deepcopy(network).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the average towards `network` by `1 - decay` (less memory in the first updates)."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))  # the start is soon forgotten
        for value, source in zip(_tensors(self.network), _tensors(network), strict=True):
            if value.dtype.is_floating_point:
                value.lerp_(source, 1 - decay)
            else:
                value.copy_(source)

    def state_dict(self) -> dict[str, object]:
        """Return the averaged network and the number of updates."""
        return {"network": self.network.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Restore `state_dict`."""
        self.network.load_state_dict(state["network"])  # type: ignore[arg-type]
        self.updates = int(state["updates"])  # type: ignore[call-overload]


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    return itertools.chain(network.parameters(), network.buffers())


def one_cycle(step: int, steps: int, warmup: float = 0.1) -> float:
    """Learning-rate factor: linear warm-up over `warmup` of the steps, then a cosine to 1 % of the peak."""
    t = step / max(steps, 1)
    if t < warmup:
        return max(t / warmup, 0.01)
    t = min((t - warmup) / (1 - warmup), 1.0)
    return 0.01 + 0.99 * 0.5 * (1.0 + float(torch.cos(torch.tensor(torch.pi * t))))


def adam(parameters: Iterable[nn.Parameter], lr: float, betas: tuple[float, float] = (0.9, 0.999)) -> torch.optim.Adam:
    """Return Adam with one kernel for each tensor, which on CPUs too is quicker than PyTorch's default."""
    return torch.optim.Adam(parameters, lr=lr, betas=betas, fused=True)


def descend(optimizer: torch.optim.Optimizer, loss: Tensor, clip: float = 0.0) -> None:
    """One step of an optimizer down the gradient of a loss, and of nothing before it.

    Args:
        optimizer: steps its weights.
        loss: a scalar.
        clip: each number of the gradient is kept within this of 0; 0: as it is.
    """
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if clip > 0:
        nn.utils.clip_grad_value_([w for group in optimizer.param_groups for w in group["params"]], clip)
    optimizer.step()


@contextlib.contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Compute no gradients of a network's parameters, so that backward passes through it cost less."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = lr


def on_device(network: M, device: torch.device) -> M:
    """Move a network and choose the order of its convolutions' weights, which their outputs follow.

    Channels last is the faster one on GPUs, and on CPUs too where no instance norm is in the network: PyTorch's kernel
    for that takes 4 to 40 times as long in this order as in the plain one.
    """
    plain = device.type == "cpu" and any(isinstance(m, nn.GroupNorm | nn.InstanceNorm2d) for m in network.modules())
    return network.to(device).to(memory_format=torch.contiguous_format if plain else torch.channels_last)


def load_matching(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Take over all tensors that have the same name and shape; what is missing or differs stays as it is."""
    own = network.state_dict()
    network.load_state_dict({**own, **{k: v for k, v in state.items() if k in own and own[k].shape == v.shape}})


def state_of(method: Any, parts: Sequence[str]) -> dict[str, Any]:
    """Return the state of a method's networks, averages and optimizers by name, and its `steps`."""
    return {**{name: getattr(method, name).state_dict() for name in parts}, "steps": method.steps}


def restore(method: Any, state: Mapping[str, Any], parts: Sequence[str]) -> None:
    """Put back what `state_of` returned.

    Raises:
        ValueError: an optimizer's state does not fit its weights; PyTorch and Python raise more kinds.
    """
    for name in parts:
        part = getattr(method, name)
        if isinstance(part, torch.optim.Optimizer):
            _restore_optimizer(part, state[name], name)
        else:
            part.load_state_dict(state[name])
    method.steps = int(state["steps"])


def _restore_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any], name: str) -> None:
    """Put back averages and learning rates; all else of an optimizer is as the settings have it.

    PyTorch takes a state of any form, and stumbles over it at the next step.
    """
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for index, averages in state["state"].items():
        if index not in range(len(weights)) or not isinstance(averages, Mapping):
            raise ValueError(f"{name} must hold averages of {len(weights)} weights by number")
        for key, value in averages.items():
            if key == "step" and type(value) is int and value >= 0:  # as SparseAdam counts
                continue
            shape = () if key == "step" else weights[index].shape
            if not isinstance(value, Tensor) or value.shape != shape or (key == "step" and value < 0):
                raise ValueError(
                    f"{name}/state/{index}/{key} must be a tensor of shape {tuple(shape)} as of its weight"
                )
    own = [{k: v for k, v in group.items() if k not in ("params", "lr")} for group in optimizer.param_groups]
    optimizer.load_state_dict(dict(state))
    for group, settings in zip(optimizer.param_groups, own, strict=True):
        group.update(settings)
        if not 0.0 <= group["lr"] < math.inf:
            raise ValueError(f"{name} has the learning rate {group['lr']}, it must be a number from 0")
