"""`imgedit evaluate tables gaussian-modes`: the GAN methods on a ring or grid of Gaussians, by the modes they find."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from imgedit.errors import ConfigError
from training.evaluate.drawn import fid, modes, report
from training.evaluate.layout import Block, Table
from training.evaluate.tables.comparison import Options, Training
from training.evaluate.tables.spread import plus_minus, spread

TITLES = {
    "gan": "vanilla",
    "wgan_gp": "WGAN-GP",
    "unrolled_gan": "unrolled",
    "md_gan": "MD-GAN",
}
"""Method -> what its row is called."""


class GaussianModes:
    """The table of `data` `gaussians:LAYOUT`.

    Raises:
        ConfigError: `data` is another set.
    """

    runs: ClassVar[Mapping[str, Training]] = {m: Training(m, "points", seeds=None) for m in TITLES}

    def __init__(self, data: str, options: Options) -> None:
        name, _, self.layout = data.partition(":")
        if name != modes.DATA:
            raise ConfigError(f"this table is about points: --data {modes.DATA}:LAYOUT such as grid5, got {data!r}")
        self.data = data
        self.options = options
        self.n = fid.N if options.n is None else options.n
        self.key = {"data": data, "n": self.n, "seed": 0}

    def measure(self, folder: Path) -> dict[str, Any]:
        """Return the figures of a run, as `imgedit evaluate drawn` does."""
        options = self.options
        return report.points(str(folder), self.data, n=self.n, device=options.device, command=options.command)

    def result(self, measured: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> dict[str, Any]:
        """Return the layout and the rows: mean and spread (standard deviation over seeds) of each figure."""
        components = next(iter(next(iter(measured.values())).values()))["metrics"]["components"]
        rows = []
        for method, seeds in measured.items():
            found = [result["metrics"]["variants"]["averaged"] for result in seeds.values()]
            row: dict[str, Any] = {"method": TITLES[method], "seeds": sorted(seeds)}
            row |= {key: spread([f[key] for f in found]) for key in ("modes", "good", "balance")}
            row["minutes"] = spread([result["minutes"] for result in seeds.values()])
            rows.append(row)
        return {"layout": self.layout, "components": components, "n_fake": self.n, "rows": rows}

    @staticmethod
    def blocks(result: Mapping[str, Any]) -> list[Block]:
        """Return how the runs were measured, and the table."""
        rows = [
            [
                row["method"],
                str(len(row["seeds"])),
                plus_minus(row["minutes"], 1),
                f"{plus_minus(row['modes'], 1)} of {result['components']}",
                plus_minus({k: v and 100 * v for k, v in row["good"].items()}, 1),
                plus_minus(row["balance"], 2),
            ]
            for row in result["rows"]
        ]
        return [
            f"{result['n_fake']} points of the averaged generator on {result['layout']} ({result['components']} "
            "components). A point is good within three standard deviations of its component (98.9 % of the true ones "
            "are), a mode is found when a good point lies there; balance is the entropy of the good points over the "
            "modes, 1 at most. Mean ± standard deviation over seeds. Minutes are training alone.",
            Table(("method", "seeds", "minutes", "modes", "good, %", "balance"), rows),
        ]


COMPARISON = GaussianModes
