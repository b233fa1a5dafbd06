"""`imgedit evaluate tables face-latents`: the methods that split faces into s and z, by what a probe finds there.

One table a data set. s is made to hold one factor of the set (who, which pose, which expression), and the probe looks
for that factor and for the set's others, as the studies did with Multi-PIE.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imgedit.errors import ConfigError
from training.evaluate.codes import report
from training.evaluate.layout import Block, Table
from training.evaluate.tables.comparison import Options, Training
from training.evaluate.tables.spread import one_seed, plus_minus, spread

FACTORS = {
    "fei": ("identity", "pose", "expression"),
    "ar": ("identity", "expression"),
    "cfp": ("identity", "side"),
}
"""Data set -> its factors. `side` is where a face looks: left, front or right."""
METHODS = {"cycle_vae": "cycle-consistent VAE", "mathieu": "Mathieu et al.", "szabo": "Szabó et al."}
"""Method -> what its rows are called."""
SOURCES = ("z sampled", "z mean", "s")
"""What is probed, as `training.evaluate.codes.probe` names it."""
_SMALL = ("size=32", "s_dim=64", "z_dim=64", "width=20", "steps=2000")
# A VAE's weight of the KL is for squared errors of 64 px, four times as many as here.
_OWN = {"cycle_vae": ("lambda_kl=2",), "mathieu": ("lambda_kl=0.75", "lambda_adv=15"), "szabo": ("lambda_adv=45",)}


def name_of(method: str, factor: str) -> str:
    """Return the run of a method whose s is to hold a factor."""
    return f"{method}-{factor}"


class FaceLatents:
    """The table of `data`, a set of `FACTORS`.

    Raises:
        ConfigError: `data` is another set.
    """

    def __init__(self, data: str, options: Options) -> None:
        self.data = data
        self.name = data.partition(":")[0]
        if self.name not in FACTORS:
            raise ConfigError(f"this table is about sets of people: {', '.join(FACTORS)}; got {self.name!r}")
        self.options = options
        self.n = report.TRAIN_ROWS if options.n is None else options.n
        self.key = {"data": self.name, "probe_rows": self.n, "seed": 0}
        self.runs: Mapping[str, Training] = {
            name_of(method, factor): Training(method, "face", (f"specified={factor}", *_SMALL, *own), seeds=None)
            for method, own in _OWN.items()
            for factor in FACTORS[self.name]
        }

    def measure(self, folder: Path) -> dict[str, Any]:
        """Return the figures of a run, as `imgedit evaluate codes` does, one probe a factor."""
        options = self.options
        found: dict[str, dict[str, Any]] = {
            factor: report.evaluate(
                folder,
                self.data,
                parts=("probe",),
                n=self.n,
                device=options.device,
                factor=factor,
                command=options.command,
            )
            for factor in FACTORS[self.name]
        }
        own = next(iter(found.values()))
        # The reconstruction is of the test split of the first factor, which for all runs is the same pictures.
        figures = {key: own["metrics"][key] for key in ("z", "reconstruction")}
        probes = {factor: result["metrics"]["probe"] for factor, result in found.items()}
        return own | {"metrics": figures | {"probes": probes}}

    def result(self, measured: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> dict[str, Any]:
        """Return the rows: mean and spread (standard deviation over seeds) of each figure."""
        rows = []
        for run, seeds in measured.items():
            method, _, held = run.partition("-")
            found = [result["metrics"] for result in seeds.values()]
            common = {
                "method": METHODS[method],
                "held": held,
                "seeds": sorted(seeds),
                "minutes": spread([result["minutes"] for result in seeds.values()]),
                "sse": spread([m["reconstruction"]["sse"] for m in found]),
            }
            for factor in FACTORS[self.name]:
                row = {**common, "probed": factor, "chance": found[0]["probes"][factor]["majority"]}
                for source in SOURCES:
                    shares = [_share(m["probes"][factor]["rows"], source) for m in found]
                    row[source] = None if shares[0] is None else spread([s for s in shares if s is not None])
                rows.append(row)
        return {"probe_rows": self.n, "rows": rows}

    @staticmethod
    def blocks(result: Mapping[str, Any]) -> list[Block]:
        """Return how the runs were measured, and the table."""
        rows = [
            [
                row["method"],
                row["held"],
                row["probed"] + (", held by s" if row["probed"] == row["held"] else ""),
                str(len(row["seeds"])),
                plus_minus(row["minutes"], 1),
                f"{100 * row['chance']:.1f}",
                *(plus_minus(row[source], 1) for source in SOURCES),
                plus_minus(row["sse"], 1),
            ]
            for row in result["rows"]
        ]
        runs = {(row["method"], row["held"]): len(row["seeds"]) for row in result["rows"]}
        return [
            f"Test accuracy in % of a two-layer perceptron (256 units) that guesses a factor of {result['data']} from "
            "the code, with the share of the commonest class. Of the factor that s is to hold, z should tell little "
            "and s all; of the others it is the other way round. People are told apart on pictures that training left "
            "out of those it had (one in seven), all else on people whom it never saw. 32 px, 2,000 steps; the error "
            "is squared, summed over a picture in units of 0..1. Mean ± standard deviation over seeds."
            + one_seed([f"{method}, s holds {held}" for method, held in runs], list(runs.values())),
            Table(_HEADER, rows, n_keys=3),
        ]


_HEADER = (
    "method",
    "s holds",
    "probed",
    "seeds",
    "minutes",
    "commonest",
    *SOURCES,
    "error",
)


def _share(rows: Mapping[str, Mapping[str, Any]], source: str) -> float | None:
    """Return the perceptron's test accuracy in per cent; None where the method has no such code."""
    return 100 * rows[source]["mlp"]["test_accuracy"] if source in rows else None


COMPARISON = FaceLatents
