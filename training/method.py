"""What a method hands to the exporter."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn


@dataclass(frozen=True)
class Graph:
    """One graph of a model, before it is ONNX.

    Attributes:
        module: the network in eval mode; its positional arguments are `inputs` in order.
        inputs: name -> example tensor; axis 0 is always free.
        outputs: names of what the module returns, in order.
        dynamic: name -> further free axes, `{"image": {2: "height", 3: "width"}}`.
        half: its large weights are stored in half precision.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: list[str]
    dynamic: dict[str, dict[int, str]] = field(default_factory=dict)
    half: bool = False
