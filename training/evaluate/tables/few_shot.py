"""`imgedit evaluate tables few-shot`: trainings that had 0, 1 or 10 pictures of a digit, by what they make of it.

The cycle-consistent VAE as its authors released it, as in the second study of it. Each run is measured on the test
pictures of its digit, and draws them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from imgedit.errors import ConfigError
from training.data.grouped import Grouped
from training.evaluate import result as results
from training.evaluate.codes import grids, latents, report
from training.evaluate.codes.fewshot import nearest
from training.evaluate.codes.latents import Array, LatentMethod, Latents
from training.evaluate.codes.pictures import of_each_class
from training.evaluate.codes.sheets import Sheets
from training.evaluate.layout import Block, Table
from training.evaluate.tables.comparison import Options, Training
from training.evaluate.tables.spread import plus_minus, spread
from training.train import load_data

DIGITS = (7, 8, 9)
SHOTS = (0, 1, 10)
EPOCHS = 10
"""Of the hundred of 937 steps that the authors train, which take one core an hour and a half a run."""
MOST = 20_000
"""Training pictures of which the mean s of the other digits is taken."""
_COLUMNS, _ROWS = 8, 8  # of the sheet: pictures of the digit, pictures of the others
_FIGURES = ("error", "error_given_s", "nearest")


def name_of(digit: int, shots: int) -> str:
    """Return the run of a digit of which training had so many pictures."""
    return f"cycle_vae-digit{digit}-shots{shots}"


RUNS = {
    name_of(digit, shots): Training(
        "cycle_vae", "paper", (f"holdout={digit}", f"shots={shots}", f"steps={937 * EPOCHS}"), seeds=None
    )
    for shots in SHOTS
    for digit in DIGITS
}


class FewShot:
    """The table of `data` `mnist:DIR`."""

    runs: ClassVar[Mapping[str, Training]] = RUNS

    def __init__(self, data: str, options: Options) -> None:
        self.data = data
        self.options = options
        self.key = {"data": data.partition(":")[0], "seed": 0}

    def measure(self, folder: Path) -> dict[str, Any]:
        """Return the figures of a run, and draw `evaluation/few_shot.png` in its folder.

        Raises:
            ConfigError: the run left out no digit, or several.
        """
        method, steps = report.open_method(str(folder), self.options.device)
        config: Any = method.config  # type: ignore[attr-defined]
        if len(config.holdout) != 1:
            raise ConfigError(f"{folder} left out {len(config.holdout)} digits, this table wants one: --set holdout=7")
        options = {k: v for k, v in config.data_options().items() if k != "pairs"}
        train, test = (load_data(self.data, split, options) for split in ("train", "test"))
        (digit,) = config.holdout
        result = results.header(str(folder), "latent", self.data, command=self.options.command, seed=0) | {
            "method": method.id,
            "steps": steps,
            "digit": digit,
            "shots": config.shots,
            "pictures": [],
        }
        own = test.subset(np.flatnonzero(test.specified == digit))
        codes = latents.encode(method, own)
        result |= {"n": len(own), "metrics": figures(method, train, own, codes, digit)}
        others = test.subset(np.flatnonzero(test.specified != digit))
        cells = grids.swap(method, own.images[:_COLUMNS], of_each_class(others, _ROWS, 0))
        title = f"{digit}, of which training had {config.shots}: s from the top row, z from the left column"
        Sheets(result, folder).write("few_shot.png", cells, title, row=True, column=True)
        return result

    def result(self, measured: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> dict[str, Any]:
        """Return the rows: mean and spread (standard deviation over seeds) of each figure."""
        rows = []
        for seeds in measured.values():
            one = next(iter(seeds.values()))
            row: dict[str, Any] = {key: one[key] for key in ("digit", "shots", "n")} | {"seeds": sorted(seeds)}
            for key in _FIGURES:
                found = [result["metrics"][key] for result in seeds.values() if key in result["metrics"]]
                row[key] = spread(found) if found else None
            row["minutes"] = spread([result["minutes"] for result in seeds.values()])
            rows.append(row)
        return {"rows": rows}

    @staticmethod
    def blocks(result: Mapping[str, Any]) -> list[Block]:
        """Return how the runs were measured, and the table."""
        rows = [
            [
                str(row["digit"]),
                str(row["shots"]),
                str(len(row["seeds"])),
                plus_minus(row["minutes"], 0),
                plus_minus(row["error"], 1),
                plus_minus(row["error_given_s"], 1),
                plus_minus(_percent(row["nearest"]), 1),
            ]
            for row in result["rows"]
        ]
        header = ("digit", "pictures", "seeds", "minutes", "error", "error, s of the pictures", "nearest, %")
        return [
            f"The cycle-consistent VAE as its authors released it, but trained for {EPOCHS} epochs of their 100, on "
            "the other nine digits and on so many pictures of this one, and measured on its test pictures. The error "
            "is squared, summed over a picture in units of 0..1: decoded with the picture's own s, and with the mean "
            "s of the pictures that training had. Nearest: how often s is nearer to that mean than to those of the "
            "nine others. Mean ± standard deviation over seeds; where there is one seed, there is no spread to be "
            "known. Minutes are training alone. What each run draws is in its folder, evaluation/few_shot.png.",
            Table(header, rows, n_keys=2),
        ]


COMPARISON = FewShot


def figures(
    method: LatentMethod, train: Grouped, own: Grouped, codes: Latents, digit: int, most: int = MOST
) -> dict[str, float]:
    """Return what a run makes of the digit that it hardly knows.

    Args:
        method: of the run.
        train: its training pictures, with those that it had of the digit.
        own: test pictures of the digit.
        codes: of these.
        digit: their class.
        most: of the other digits' training pictures, those by which their mean s is found.

    Returns:
        `error` (squared, summed over a picture in units of 0..1, with the picture's own s) and, where training had
        pictures of the digit, `error_given_s` (with their mean s) and `nearest` (share of pictures whose s is nearest
        to it among the digits' means).
    """
    values = float(np.prod(own.images.shape[1:]))
    found = {"error": values * latents.decoding_error(method, own.images, codes.s, codes.z)}
    given = np.flatnonzero(train.specified == digit)
    if not len(given):
        return found
    others = latents.thinned(train.subset(np.flatnonzero(train.specified != digit)), most, 0)
    known = latents.encode(method, others)
    mean_s = {int(c): known.s[known.specified == c].mean(0) for c in np.unique(known.specified)}
    mean_s[digit] = latents.encode(method, train.subset(given)).s.mean(0)
    names: Array = np.array(list(mean_s))
    guesses = names[nearest(codes.s, np.stack(list(mean_s.values())))]
    s = np.repeat(mean_s[digit][None], len(codes), 0)
    return found | {
        "error_given_s": values * latents.decoding_error(method, own.images, s, codes.z),
        "nearest": float((guesses == digit).mean()),
    }


def _percent(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if value is None else {key: number and 100.0 * number for key, number in value.items()}
