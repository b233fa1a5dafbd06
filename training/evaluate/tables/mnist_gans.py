"""`imgedit evaluate tables mnist-gans`: every GAN method on MNIST, by FID.

Rejection is the same run sampled in another way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from training.evaluate.drawn import density_ratio, fid, report
from training.evaluate.drawn.features import load as load_features
from training.evaluate.layout import Block, Table
from training.evaluate.tables.comparison import Options, Training
from training.evaluate.tables.spread import one_seed, plus_minus, spread
from training.families import gan

TRAIN_PICTURES = 55_000


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        title: for people.
        run: a key of `RUNS`.
        variant: a way of sampling, as `fid.evaluate` names it.
        reported: FID with Inception features that was reported for it; not comparable in its absolute value.
    """

    title: str
    run: str
    variant: str = "averaged"
    reported: float | None = None


RUNS = {
    "gan": Training("gan", "paper", seeds=None),
    "gan_r1": Training("gan", "r1"),
    "wgan": Training("wgan", "paper"),
    "wgan_fast": Training("wgan", "paper", ("lr=2e-4",)),  # is it slow to learn? It is not
    "wgan_clip": Training("wgan", "paper", ("clip=0.1",)),  # is its critic held too tightly? Nor that
    "wgan_no_norm": Training("wgan", "paper", ("batch_norm=false",)),
    "wgan_gp": Training("wgan_gp", "paper", seeds=None),
    "unrolled_gan": Training("unrolled_gan", "paper"),
    "md_gan": Training("md_gan", "compact", (f"steps={gan.REPORTED_STEPS}",)),  # its `paper` saturates
}
ROWS = (
    Row("vanilla", "gan", reported=38),
    Row("vanilla, last weights", "gan", "last"),
    Row("vanilla + R1", "gan_r1", reported=42),
    Row("WGAN (batch norm)", "wgan", reported=27),
    Row("WGAN (batch norm), rate 2e-4", "wgan_fast"),
    Row("WGAN (batch norm), weights within 0.1", "wgan_clip"),
    Row("WGAN, no batch norm", "wgan_no_norm"),
    Row("WGAN-GP", "wgan_gp", reported=16),
    Row("WGAN-GP, last weights", "wgan_gp", "last"),
    Row("unrolled", "unrolled_gan"),
    Row("MD-GAN", "md_gan"),
    *(
        Row(f"{title} + rejection by {by}", run, variant, reported)
        for title, run, reported in (
            ("vanilla", "gan", 22),
            ("vanilla + R1", "gan_r1", None),
            ("WGAN (batch norm)", "wgan", None),
            ("WGAN-GP", "wgan_gp", 15),
            ("unrolled", "unrolled_gan", None),
            ("MD-GAN", "md_gan", None),
        )
        for by, variant in (("a classifier", density_ratio.VARIANT), ("itself", "rejection"))
    ),
)


class MnistGans:
    """The table of `data` `mnist:DIR`."""

    runs: ClassVar[Mapping[str, Training]] = RUNS

    def __init__(self, data: str, options: Options) -> None:
        self.data = data
        self.options = options
        self.n = fid.N if options.n is None else options.n
        self.network = load_features(
            options.features, options.classifier, options.device, inception_weights=options.inception_weights
        )
        self.key = {
            "data": data.partition(":")[0],
            "sha256": self.network.sha256,
            "n": self.n,
            "gamma": options.gamma,
            "seed": 0,
            "density_ratio_steps": density_ratio.STEPS,
        }

    def measure(self, folder: Path) -> dict[str, Any]:
        """Return the figures of a run, as `imgedit evaluate drawn` does."""
        options = self.options
        return report.pictures(
            str(folder),
            self.data,
            self.network,
            n=self.n,
            gammas=[options.gamma],
            device=options.device,
            command=options.command,
        )

    def result(self, measured: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> dict[str, Any]:
        """Return how the runs were measured, and their rows."""
        one = next(iter(next(iter(measured.values())).values()))["metrics"]
        return {
            **self.network.about(),
            "n_real": one["n_real"],
            "n_fake": self.n,
            "floor": one["floor"],
            "gamma_rule": self.options.gamma,
            "rows": rows(measured),
        }

    @staticmethod
    def blocks(result: Mapping[str, Any]) -> list[Block]:
        """Return how the runs were measured, and the table."""
        return [
            f"FID by `{result['features']}` features of {result['network']} ({result['sha256'][:12]}), "
            f"{result['n_real']} real test and {result['n_fake']} generated pictures, resizer {result['resizer']}; "
            f"training pictures score {result['floor']:.1f}. Averaged weights unless said otherwise, rejection with "
            f"gamma {result['gamma_rule']} by the calibrated discriminator or critic itself, or by a classifier of "
            "real and generated pictures that is trained after the GAN. Mean ± standard deviation over seeds. Minutes "
            "are training alone. The reported figures are by Inception features and do not compare in absolute value."
            + one_seed([row["method"] for row in result["rows"]], [len(row["seeds"]) for row in result["rows"]]),
            Table(_HEADER, [_cells(row) for row in result["rows"]]),
        ]


COMPARISON = MnistGans


def rows(measured: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return the rows that have a run: mean and spread (standard deviation over seeds) of each figure.

    `ratio` is the FID over that of vanilla, the mean over the seeds that both have.

    Args:
        measured: run -> seed -> what `report.evaluate` returned, with `minutes` and `pictures`.
    """
    vanilla = {s: found["metrics"]["variants"]["averaged"]["fid"] for s, found in measured.get("gan", {}).items()}
    table = []
    for row in ROWS:
        found = {
            seed: result["metrics"]["variants"][row.variant]
            | {"minutes": result["minutes"], "epochs": result["n_drawn"] / TRAIN_PICTURES}
            for seed, result in measured.get(row.run, {}).items()
            if row.variant in result["metrics"]["variants"]
        }
        if not found:
            continue
        figures = list(found.values())
        line: dict[str, Any] = {"method": row.title, "seeds": sorted(found), "reported_inception": row.reported}
        for key in ("fid", "precision", "recall", "density", "coverage", "attempts", "minutes", "epochs"):
            line[key] = spread([f[key] for f in figures])
        if all("shares" in f for f in figures):
            line["smallest_share"] = min(min(f["shares"]) for f in figures)
            line["classes_present"] = min(f["classes_present"] for f in figures)
        both = [found[s]["fid"] / vanilla[s] for s in sorted(found.keys() & vanilla.keys())]
        line["ratio"] = spread(both) if both else None
        table.append(line)
    return table


_HEADER = ("method", "seeds", "epochs", "minutes", "FID", "of vanilla", "precision", "recall", "density", "coverage",
           "digits", "smallest share", "attempts", "reported")  # fmt: skip


def _cells(row: Mapping[str, Any]) -> list[str]:
    share = row.get("smallest_share")
    return [
        row["method"],
        str(len(row["seeds"])),
        f"{row['epochs']['mean']:.0f}",
        plus_minus(row["minutes"], 0),
        plus_minus(row["fid"], 1),
        plus_minus(row["ratio"], 2),
        *(plus_minus(row[key], 3) for key in ("precision", "recall", "density", "coverage")),
        str(row.get("classes_present", "")),
        "" if share is None else f"{100 * share:.1f} %",
        plus_minus(row["attempts"], 2),
        "" if row["reported_inception"] is None else f"{row['reported_inception']:g}",
    ]
