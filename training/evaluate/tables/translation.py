"""Unpaired translation side by side: what the tables of hair and of sleeves have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from imgedit.models.library import Model
from imgedit.pixels import to_tensor
from training.evaluate import cost
from training.evaluate.drawn.fid import frechet
from training.evaluate.layout import Block, Table
from training.evaluate.result import TEST, header
from training.evaluate.subject import open_model
from training.evaluate.tables.comparison import Options, Training
from training.evaluate.tables.spread import plus_minus, spread
from training.run import checkpoint

ROLES = ("translate", "forward", "backward")
"""Graphs that translate."""
N = 200
"""Pictures that are translated each way, at most."""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        title: for people.
        note: what the method is, and where it differs.
    """

    title: str
    note: str = ""


@dataclass(frozen=True)
class Column:
    """A figure of a way from one domain to the other.

    Attributes:
        key: in the figures of a way.
        title: for people.
        digits: behind the point.
        scale: by which it is multiplied.
    """

    key: str
    title: str
    digits: int
    scale: float = 1.0


WANTED = Column("wanted", "wanted, %", 1, 100.0)
RECONSTRUCTION = (
    Column("psnr", "there and back: PSNR, dB", 1),
    Column("ssim", "SSIM", 3),
)
FRECHET = Column("frechet", "Fréchet", 1)
COSTS = (
    Column("gmac", "GMAC a picture", 2),
    Column("parameters", "parameters, million", 2, 1e-6),
    Column("ms_torch", "ms in PyTorch", 1),
    Column("ms_onnx", "ms in ONNX Runtime", 1),
)


class Translation:
    """A table of runs that translate between two domains, there and back."""

    runs: ClassVar[Mapping[str, Training]]
    rows: ClassVar[Mapping[str, Row]]
    columns: ClassVar[Sequence[Column]]
    explained: ClassVar[str]
    """How it was measured, for people."""

    def __init__(self, data: str, options: Options) -> None:
        self.data, self.options = data, options
        self.n = N if options.n is None else options.n
        self.key = {"data": data.partition(":")[0], "n": self.n, "seed": 0}

    def measure(self, folder: Path) -> dict[str, Any]:
        """Return the figures of each way, and the costs."""
        with open_model(str(folder)) as model:
            ways = self.ways(model)
            roles = [role for role in ROLES if model.has(role)]
            costs = cost.of_run(model, checkpoint.load_method(folder).graphs(), roles)
        about = header(str(folder), "translation", self.data, command=self.options.command, seed=0)
        return {**about, "metrics": {"ways": ways, "cost": costs}}

    def ways(self, model: Model) -> dict[str, dict[str, float]]:
        """Return way -> its figures, among them `n`."""
        raise NotImplementedError

    def result(self, measured: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> dict[str, Any]:
        """Return rows: mean and spread over seeds of each figure, a row for each way of a run."""
        found = []
        for run, row in self.rows.items():
            seeds = measured.get(run, {})
            if not seeds:
                continue
            figures = [one["metrics"] for one in seeds.values()]
            ways = {way: _spreads([one["ways"][way] for one in figures]) for way in figures[0]["ways"]}
            costs = _spreads([one["cost"] for one in figures])
            line = {"method": row.title, "note": row.note, "seeds": sorted(seeds), "ways": ways, "cost": costs}
            found.append(line | {"minutes": spread([one["minutes"] for one in seeds.values()])})
        return {"n": self.n, "seed": 0, "split": TEST, "rows": found}

    @classmethod
    def blocks(cls, result: Mapping[str, Any]) -> list[Block]:
        """Return how the runs were measured, the ways, and the costs."""
        lines = [
            [
                row["method"],
                way,
                str(len(row["seeds"])),
                f"{figures['n']['mean']:.0f}",
                *(_cell(figures.get(c.key), c) for c in cls.columns),
            ]
            for row in result["rows"]
            for way, figures in row["ways"].items()
        ]
        costs = [
            [row["method"], plus_minus(row["minutes"], 0), *(_cell(row["cost"][c.key], c) for c in COSTS)]
            for row in result["rows"]
        ]
        notes = [f"{row['method']}: {row['note']}" for row in result["rows"] if row["note"]]
        return [
            f"{cls.explained} At most {result['n']} {result['split']} pictures each way, seed {result['seed']}. "
            "Mean ± standard deviation over seeds; where there is one seed, there is no spread to be known.",
            Table(("method", "way", "seeds", "n", *(c.title for c in cls.columns)), lines, n_keys=2),
            "What a run costs: minutes of training by the clock, on two cores that other work used too; one picture on "
            f"one thread, the least of {cost.RUNS} runs.",
            Table(("method", "minutes", *(c.title for c in COSTS)), costs),
            *notes,
        ]


def distance(
    look: Callable[[NDArray[np.float32]], NDArray[np.float64]], real: NDArray[np.uint8], made: NDArray[np.uint8]
) -> float:
    """Return the Fréchet distance of pictures `(N, H, W, 3)` in the features of a network."""
    first, second = (torch.from_numpy(look(to_tensor(pictures))) for pictures in (real, made))
    return frechet(first, second)


def _spreads(figures: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    """Return mean and spread over seeds of every figure."""
    return {key: spread([one[key] for one in figures]) for key in figures[0]}


def _cell(value: Mapping[str, float | None] | None, column: Column) -> str:
    if value is None:
        return ""
    scaled = {key: None if one is None else one * column.scale for key, one in value.items()}
    return plus_minus(scaled, column.digits)
