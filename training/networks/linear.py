"""A linear layer whose matrix products are computed by oneDNN where that is the faster library."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Linear", "pays"]

_LEAST = 4_000_000
"""Multiply-adds from which a product is worth the calls through Python."""


class Linear(nn.Linear):
    """PyTorch's linear layer; the products of its values and derivatives differ in their rounding alone.

    PyTorch multiplies matrices on CPUs by MKL, which does without the widest instructions of processors that are not
    Intel's; oneDNN takes half the time there. It is asked only there, in single precision.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map `(N, in_features)` to `(N, out_features)`."""
        if not _suits(x, self.weight):
            return super().forward(x)
        if not torch.is_grad_enabled():
            return _onednn(x, self.weight, self.bias)
        y: Tensor = _Linear.apply(x, self.weight, self.bias)
        return y


@functools.cache
def pays() -> bool:
    """Tell whether oneDNN is there, and the processor one that MKL holds back on."""
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    try:
        return "AuthenticAMD" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False  # not Linux


def _suits(x: Tensor, weight: Tensor) -> bool:
    return (
        pays()
        and x.ndim == 2
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and len(x) * weight.numel() >= _LEAST
        and not torch.is_autocast_enabled("cpu")
        and not torch.jit.is_tracing()  # type: ignore[attr-defined]
    )


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return `x @ weight.T + bias`."""
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return y


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _onednn(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        for_x, for_weight, for_bias = ctx.needs_input_grad
        return (
            _Product.apply(gradient, weight) if for_x else None,
            _Product.apply(gradient.t(), x) if for_weight else None,
            gradient.sum(0) if for_bias else None,
        )


class _Product(torch.autograd.Function):
    """`a @ b`, which can be differentiated any number of times."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return _onednn(a, b.t())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = ctx.saved_tensors
        return (
            _Product.apply(gradient, b.t()) if ctx.needs_input_grad[0] else None,
            _Product.apply(a.t(), gradient) if ctx.needs_input_grad[1] else None,
        )
