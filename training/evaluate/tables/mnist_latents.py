"""`imgedit evaluate tables mnist-latents`: the methods that split digits into s and z, by what a probe finds there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from training.evaluate.codes import report
from training.evaluate.layout import Block, Table
from training.evaluate.tables.comparison import Options, Training
from training.evaluate.tables.spread import one_seed, plus_minus, spread

SOURCES = ("z sampled", "z mean", "s")
"""What is probed, as `training.evaluate.codes.probe` names it."""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        title: for people.
        jha: test accuracies of a probe on z sampled and on s in per cent, 16 dimensions each, as Jha et al. 2018 report
            them (table 1).
        study: the same of the second study, which trained Jha's code and added to it (its table 4.2, where Jha's code
            or `cycle_vae` is named).
        study_svm: the same of an SVM, where the study has it.
    """

    title: str
    jha: tuple[float, float] | None = None
    study: tuple[float, float] | None = None
    study_svm: tuple[float, float] | None = None


_FIFTH = "steps=18740"
"""Twenty epochs in place of the hundred of `cycle_vae --preset paper`."""
RUNS = {
    "szabo": Training(
        "szabo", "compact", ("width=20", "lambda_adv=450", "accuracy_limit=0.8", "steps=18000"), seeds=None
    ),
    "szabo_paper": Training("szabo", "paper", seeds=None),
    "mathieu": Training("mathieu", "compact", ("width=20", "lambda_kl=6", "steps=12000"), seeds=None),
    **{
        f"mathieu_{name}": Training(
            "mathieu", "compact", ("width=20", "lambda_kl=6", "steps=12000", f"gaussian={name}"), seeds=None
        )
        for name in ("s", "both", "none")
    },
    "mathieu_authors": Training("mathieu", "authors", ("s_dim=16", "z_dim=16"), seeds=None),
    "mathieu_jha": Training("mathieu", "jha", seeds=None),
    "cycle_vae_plain": Training("cycle_vae", "compact", ("width=20", "lambda_kl=0.95", "steps=9000")),
    # The weight of the KL trades what z holds for how well pictures are decoded.
    "cycle_vae_plain2": Training("cycle_vae", "compact", ("width=20", "lambda_kl=2", "steps=9000")),
    # As long as `independent`; its z holds 3.8 nats.
    "cycle_vae_plain22": Training("cycle_vae", "compact", ("width=20", "lambda_kl=2.2", "steps=12000"), seeds=None),
    "cycle_vae_tight": Training("cycle_vae", "compact", ("width=20", "lambda_kl=3", "steps=9000")),
    "cycle_vae": Training("cycle_vae", "independent", seeds=None),
    "lord": Training("lord", "compact", seeds=None),
    "lord_independent": Training("lord", "independent", seeds=None),
    "cycle_vae_paper": Training("cycle_vae", "paper", seeds=None),
    "cycle_vae_paper_reverse": Training("cycle_vae", "paper", ("reverse_reconstruction=true",), seeds=None),
    "cycle_vae_paper_decoder": Training("cycle_vae", "paper", ("adversarial=decoder",), seeds=None),
    "cycle_vae_paper_both": Training("cycle_vae", "paper", ("adversarial=both",), seeds=None),
    "cycle_vae_paper_wasserstein": Training("cycle_vae", "paper", ("reverse_distance=wasserstein",), seeds=None),
    "cycle_vae_fifth": Training("cycle_vae", "paper", (_FIFTH,)),
    "cycle_vae_fifth_reverse": Training("cycle_vae", "paper", (_FIFTH, "reverse_reconstruction=true")),
    "cycle_vae_fifth_decoder": Training("cycle_vae", "paper", (_FIFTH, "adversarial=decoder")),
    "cycle_vae_fifth_both": Training("cycle_vae", "paper", (_FIFTH, "adversarial=both")),
    "cycle_vae_fifth_wasserstein": Training("cycle_vae", "paper", (_FIFTH, "reverse_distance=wasserstein")),
}
ROWS = {
    "szabo": Row("szabo, ours"),
    "szabo_paper": Row("szabo, paper", (96.08, 98.46), (48.8, 98.0)),
    "mathieu": Row("mathieu, ours, z as VAE", None, (10.3, 86.6), (12.5, 88.5)),
    "mathieu_s": Row("mathieu, ours, s as VAE", None, (11.6, 79.1), (10.8, 81.6)),
    "mathieu_both": Row("mathieu, ours, both as VAE"),
    "mathieu_none": Row("mathieu, ours, neither as VAE"),
    "mathieu_authors": Row("mathieu, authors, but 16 dimensions"),
    "mathieu_jha": Row("mathieu, jha", (66.83, 98.52), (65.6, 98.6)),
    "cycle_vae_plain": Row("cycle_vae, plain, lambda_kl=0.95"),
    "cycle_vae_plain2": Row("cycle_vae, plain, lambda_kl=2"),
    "cycle_vae_plain22": Row("cycle_vae, plain, lambda_kl=2.2"),
    "cycle_vae_tight": Row("cycle_vae, plain, lambda_kl=3"),
    "cycle_vae": Row("cycle_vae, independent"),
    "lord": Row("lord, which is told the classes"),
    "lord_independent": Row("lord, told the classes, z through a flow"),
    "cycle_vae_paper": Row("cycle_vae, paper", (17.56, 98.35), (17.56, 98.35)),
    "cycle_vae_paper_reverse": Row("cycle_vae, paper, reverse reconstruction", None, (14.25, 98.38)),
    "cycle_vae_paper_decoder": Row("cycle_vae, paper, adversarial decoder", None, (18.04, 97.01)),
    "cycle_vae_paper_both": Row("cycle_vae, paper, adversarial both", None, (23.28, 97.91)),
    "cycle_vae_paper_wasserstein": Row("cycle_vae, paper, Wasserstein distance", None, (16.34, 98.33)),
    "cycle_vae_fifth": Row("cycle_vae, paper, 20 epochs of 100"),
    "cycle_vae_fifth_reverse": Row("cycle_vae, paper, 20 epochs, reverse reconstruction"),
    "cycle_vae_fifth_decoder": Row("cycle_vae, paper, 20 epochs, adversarial decoder"),
    "cycle_vae_fifth_both": Row("cycle_vae, paper, 20 epochs, adversarial both"),
    "cycle_vae_fifth_wasserstein": Row("cycle_vae, paper, 20 epochs, Wasserstein distance"),
}


class MnistLatents:
    """The table of `data` `mnist:DIR`."""

    runs: ClassVar[Mapping[str, Training]] = RUNS

    def __init__(self, data: str, options: Options) -> None:
        self.data = data
        self.options = options
        self.n = report.TRAIN_ROWS if options.n is None else options.n
        self.key = {"data": data.partition(":")[0], "probe_rows": self.n, "seed": 0}

    def measure(self, folder: Path) -> dict[str, Any]:
        """Return the figures of a run, as `imgedit evaluate codes` does."""
        options = self.options
        return report.evaluate(
            folder,
            self.data,
            parts=("probe",),
            n=self.n,
            device=options.device,
            command=options.command,
        )

    def result(self, measured: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> dict[str, Any]:
        """Return chance, and the rows: mean and spread (standard deviation over seeds) of each figure."""
        rows = []
        for run, known in ROWS.items():
            seeds = measured.get(run, {})
            row: dict[str, Any] = {
                "method": known.title,
                "seeds": sorted(seeds),
                "jha": known.jha,
                "study": known.study,
                "study_svm": known.study_svm,
            }
            rows.append(row)
            if not seeds:
                continue
            found = [result["metrics"] for result in seeds.values()]
            for source in SOURCES:
                for probe in ("mlp", "svm"):
                    row[f"{source}, {probe}"] = spread([_accuracy(m, source, probe) for m in found])
            row["kl_nats"] = spread([m["z"]["kl_nats"] for m in found]) if "kl_nats" in found[0]["z"] else None
            row["active_dimensions"] = spread([m["z"]["active_dimensions"] for m in found])
            row["sse"] = spread([m["reconstruction"]["sse"] for m in found])
            row["minutes"] = spread([result["minutes"] for result in seeds.values()])
        one = next(iter(next(iter(measured.values())).values()))
        chance = one["metrics"]["probe"]["chance"]
        return {"n_test": one["n"], "n_probe_train": self.n, "chance": chance, "rows": rows}

    @staticmethod
    def blocks(result: Mapping[str, Any]) -> list[Block]:
        """Return how the runs were measured, and the table."""
        return [
            "Test accuracy in % of a two-layer perceptron (256 units) that guesses the class from the code, and in "
            f"brackets of an SVM; {result['n_probe_train']} training and {result['n_test']} test pictures, chance "
            f"{100 * result['chance']:.0f}. Of z lower is better, of s higher. Mean ± standard deviation over seeds. "
            "The error is squared, summed over a picture in units of 0..1. Minutes are training alone. Published are z "
            "sampled / s: Jha et al. 2018, table 1, and a later study that trained their code and added to it, in "
            "brackets by an SVM. Rows without figures of ours are not trained yet."
            + one_seed([row["method"] for row in result["rows"]], [len(row["seeds"]) for row in result["rows"]]),
            Table(_HEADER, [_cells(row) for row in result["rows"]]),
        ]


COMPARISON = MnistLatents


_HEADER = ("method", "seeds", "minutes", *SOURCES, "KL of z, nats", "active", "error", "Jha et al.", "study")


def _accuracy(metrics: Mapping[str, Any], source: str, probe: str) -> float:
    """Return a test accuracy in per cent; a z that is no distribution is its own sample."""
    rows = metrics["probe"]["rows"]
    known = rows.get(source, rows.get("z mean"))
    return 100.0 * float(known[probe]["test_accuracy"])


def _cells(row: Mapping[str, Any]) -> list[str]:
    published = [_published(row["jha"], None), _published(row["study"], row["study_svm"])]
    if not row["seeds"]:
        return [row["method"], "", *[""] * (len(_HEADER) - 4), *published]
    return [
        row["method"],
        str(len(row["seeds"])),
        plus_minus(row["minutes"], 0),
        *(f"{plus_minus(row[f'{s}, mlp'], 1)} ({plus_minus(row[f'{s}, svm'], 1)})" for s in SOURCES),
        plus_minus(row["kl_nats"], 1),
        plus_minus(row["active_dimensions"], 0),
        plus_minus(row["sse"], 1),
        *published,
    ]


def _published(accuracies: Sequence[float] | None, svm: Sequence[float] | None) -> str:
    """Return published accuracies of z sampled and s, each with that of an SVM in brackets where there is one."""
    brackets = [f" ({value:g})" for value in svm or ()] or ["", ""]
    return " / ".join(f"{value:g}{more}" for value, more in zip(accuracies or (), brackets, strict=False))
