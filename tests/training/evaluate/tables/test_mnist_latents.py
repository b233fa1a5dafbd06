"""The table of methods that split digits into s and z: its rows, and what it asks of a run."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from training.evaluate import layout
from training.evaluate.codes import report
from training.evaluate.tables import comparison, mnist_latents
from training.run import checkpoint
from training.run import config as configs


def measured(sampled: list[float], *, variational: bool = True) -> dict[int, dict[str, Any]]:
    """Return figures as `report.evaluate` does: z sampled as given, z mean 0.5, s 0.9."""
    found = {}
    for seed, accuracy in enumerate(sampled):
        shares = {"z sampled": accuracy, "z mean": 0.5, "s": 0.9}
        if not variational:
            del shares["z sampled"]
        rows = {name: {kind: {"test_accuracy": value} for kind in ("mlp", "svm")} for name, value in shares.items()}
        z = {"active_dimensions": 5, **({"kl_nats": 4.0} if variational else {})}
        metrics = {"probe": {"chance": 0.1, "rows": rows}, "z": z, "reconstruction": {"sse": 20.0}}
        found[seed] = {"metrics": metrics, "minutes": 3.0, "n": 77}
    return found


def test_every_row_is_a_run_in_sixteen_dimensions() -> None:
    assert mnist_latents.RUNS.keys() == mnist_latents.ROWS.keys()
    for training in mnist_latents.RUNS.values():
        config = configs.resolve(training.method, training.preset, (*training.settings, "seed=2"))
        assert (config.s_dim, config.z_dim, config.size) == (16, 16, 28)


def test_rows_of_mathieu_differ_in_which_code_is_a_vae() -> None:
    runs = {name: mnist_latents.RUNS[name] for name in ("mathieu", "mathieu_s", "mathieu_both", "mathieu_none")}
    found = {name: configs.resolve("mathieu", run.preset, run.settings) for name, run in runs.items()}
    assert [config.gaussian for config in found.values()] == ["z", "s", "both", "none"]
    assert {config.discriminator for config in found.values()} == {"image_pair"}
    assert len({dataclasses.replace(config, gaussian="z") for config in found.values()}) == 1


def test_rows_are_mean_and_spread_beside_the_published_figures() -> None:
    table = mnist_latents.MnistLatents("mnist:x", comparison.Options())
    result = table.result({"mathieu_jha": measured([0.2, 0.4]), "cycle_vae_tight": measured([0.1])})
    rows = {row["method"]: row for row in result["rows"]}
    assert [row["seeds"] for row in rows.values() if row["seeds"]] == [[0, 1], [0]]
    assert [row["method"] for row in result["rows"]] == [row.title for row in mnist_latents.ROWS.values()]
    assert rows["mathieu, jha"]["z sampled, mlp"] == pytest.approx({"mean": 30.0, "spread": 20.0 / 2**0.5})
    text = " ".join(layout.markdown(table.blocks(result)).split())
    assert "20000 training and 77 test pictures, chance 10" in text
    assert "| mathieu, jha | 2 | 3 ± 0 | 30.0 ± 14.1 (30.0 ± 14.1) | 50.0 ± 0.0 (50.0 ± 0.0) |" in text
    assert "| 4.0 ± 0.0 | 5 ± 0 | 20.0 ± 0.0 | 66.83 / 98.52 | 65.6 / 98.6 |" in text
    assert "| 4.0 | 5 | 20.0 | | |" in text  # not published
    assert "| cycle_vae, paper, Wasserstein distance | | | | | | | | | | 16.34 / 98.33 |" in text  # not trained
    assert "| mathieu, ours, s as VAE | | | | | | | | | | 11.6 (10.8) / 79.1 (81.6) |" in text  # perceptron (SVM)
    assert "| mathieu, ours, neither as VAE | | | | | | | | | | |" in text  # neither trained nor published


def test_a_plain_z_is_its_own_sample_and_has_no_nats() -> None:
    table = mnist_latents.MnistLatents("mnist:x", comparison.Options())
    row = table.result({"szabo": measured([0.7], variational=False)})["rows"][0]
    assert row["z sampled, mlp"] == row["z mean, mlp"] == {"mean": 50.0, "spread": None}
    assert row["kl_nats"] is None
    assert "| szabo, ours | 1 | 3 | 50.0 (50.0) | 50.0 (50.0) | 90.0 (90.0) | | 5 |" in " ".join(
        layout.markdown(table.blocks({"n_test": 7, "n_probe_train": 9, "chance": 0.1, "rows": [row]})).split()
    )


def test_a_run_is_probed_once_and_keeps_its_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "szabo-1"
    checkpoint.save(run, 20, {})
    (run / "config.json").write_text(json.dumps({"method": "szabo", "config": {"steps": 20, "batch_size": 4}}))
    (run / "log.jsonl").write_text(json.dumps({"step": 20, "images_per_second": 2.0}) + "\n")
    asked: list[tuple[Any, ...]] = []

    def evaluate(folder: Path, data: str, **options: Any) -> dict[str, Any]:
        asked.append((folder, data, options["parts"], options["n"]))
        return {"command": options["command"], "pictures": ["a.png"], **measured([0.3])[0]}

    monkeypatch.setattr(report, "evaluate", evaluate)
    quiet = Console(file=io.StringIO())
    for _ in range(2):
        options = comparison.Options(n=500, command="this")
        result = comparison.compare("mnist-latents", tmp_path, "mnist:x", options, console=quiet)
    assert asked == [(run, "mnist:x", ("probe",), 500)]
    assert result["n_probe_train"] == 500
    assert [(row["method"], row["seeds"]) for row in result["rows"] if row["seeds"]] == [("szabo, ours", [1])]
    assert result["rows"][0]["minutes"]["mean"] == pytest.approx(20 * 4 / 2.0 / 60)
    kept = json.loads((run / "evaluation.json").read_text())
    assert (kept["pictures"], kept["n_drawn"]) == (["a.png"], 20 * 4)  # what else was drawn of the run is not forgotten


def test_rows_of_one_seed_are_named_in_the_sentence() -> None:
    table = mnist_latents.MnistLatents("mnist:x", comparison.Options())
    result = table.result({"mathieu": measured([0.2, 0.4]), "cycle_vae_tight": measured([0.1])})
    said = table.blocks(result)[0]
    assert str(said).endswith("may be chance: cycle_vae, plain, lambda_kl=3.")
    assert "chance: " not in str(table.blocks(table.result({"mathieu": measured([0.2, 0.4])}))[0])
