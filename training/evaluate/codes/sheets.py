"""Pictures of what a latent code can do, one PNG each, in a folder of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imgedit.errors import ConfigError
from training.data.batch import to_tensor
from training.evaluate.codes import grids
from training.evaluate.codes.latents import LatentMethod
from training.evaluate.codes.pictures import Pictures, of_each_class

FOLDER = "evaluation"
"""In the run's folder."""


class Sheets:
    """Writes the grids of one evaluation, and notes them in its result.

    Args:
        result: of the evaluation.
        place: the folder that holds `FOLDER`.
    """

    def __init__(self, result: dict[str, Any], place: Path) -> None:
        self.result = result
        self.place = place

    def write(self, name: str, cells: grids.Cells, title: str, **options: Any) -> None:
        """Write a grid; the options are those of `grids.write`."""
        title = f"{self.result['method']}, step {self.result['steps']}: {title}"
        grids.write(self.place / FOLDER / name, cells, title, **options)
        self.result["pictures"].append(f"{FOLDER}/{name}")


def swaps(method: LatentMethod, pictures: Pictures, result: dict[str, Any], output: Sheets) -> None:
    """Write grids of s and z from different pictures, also of classes that training never saw.

    Raises:
        ConfigError: the method has no s.
    """
    if method.encode(to_tensor(pictures.test.images[[0]]).to(method.device)).s.shape[1] == 0:
        raise ConfigError(f"{method.id} has no class part s to swap")
    seed, known, unseen = result["seed"], pictures.known or pictures.train, pictures.unseen
    top, left = of_each_class(known, 8, seed), of_each_class(known, 8, seed + 1)
    title = "s from the top row, z from the left column"
    output.write("swap.png", grids.swap(method, top, left), title, row=True, column=True)
    if unseen is not None:
        new_top, new_left = of_each_class(unseen, 8, seed), of_each_class(unseen, 8, seed + 1)
        for name, s, z, what in (
            ("swap_unseen_s.png", new_top, left, "top unseen"),
            ("swap_unseen_z.png", top, new_left, "left unseen"),
            ("swap_unseen.png", new_top, new_left, "both unseen"),
        ):
            output.write(name, grids.swap(method, s, z), f"{title}; {what} in training", row=True, column=True)


def interpolations(method: LatentMethod, pictures: Pictures, result: dict[str, Any], output: Sheets) -> None:
    """Write grids between two pictures."""
    four = of_each_class(pictures.known or pictures.test, 4, result["seed"])
    for i in range(len(four) // 2):
        cells = grids.interpolation(method, four[2 * i : 2 * i + 2])
        title = "two pictures, s along, z down" if len(cells) > 1 else "along z"
        output.write(f"interpolate_{i + 1}.png", cells, title)


def samples(method: LatentMethod, pictures: Pictures, result: dict[str, Any], output: Sheets) -> None:
    """Write a grid of z from the prior."""
    given = of_each_class(pictures.known or pictures.test, 8, result["seed"])
    columns = 8
    cells = grids.samples(method, given, columns, result["seed"])
    has_s = cells.shape[1] == columns + 1
    title = "s of the left column, z from the prior" if has_s else "z from the prior"
    output.write("sample.png", cells, title, column=has_s)
