"""The table of methods that split faces into s and z."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from imgedit.errors import ConfigError
from training.evaluate import layout
from training.evaluate.codes import probe
from training.evaluate.tables import comparison, face_latents
from training.evaluate.tables.comparison import Options
from training.run import config as configs


def measured(own: float, other: float, *, variational: bool = True) -> dict[int, dict[str, Any]]:
    """Return figures as `FaceLatents.measure` does, of a set with two factors."""

    def probe(share: float) -> dict[str, Any]:
        rows = {name: {"mlp": {"test_accuracy": share}} for name in ("z sampled", "z mean", "s")}
        if not variational:
            del rows["z sampled"]
        return {"majority": 0.25, "rows": rows}

    metrics = {
        "probes": {"identity": probe(other), "expression": probe(own)},
        "z": {"active_dimensions": 5},
        "reconstruction": {"sse": 20.0},
    }
    return {0: {"metrics": metrics, "minutes": 3.0, "n": 77}}


@pytest.mark.parametrize("name", face_latents.FACTORS)
def test_each_method_has_a_run_for_each_factor_of_the_set(name: str) -> None:
    table = face_latents.FaceLatents(f"{name}:x", Options())
    factors = face_latents.FACTORS[name]
    assert len(table.runs) == 3 * len(factors)
    for run, training in table.runs.items():
        config = configs.resolve(training.method, training.preset, (*training.settings, "seed=1"))
        assert run == f"{training.method}-{config.specified}"
        assert (config.size, config.channels, config.steps) == (32, 3, 2000)


def test_rows_say_what_s_holds_and_what_was_looked_for() -> None:
    table = face_latents.FaceLatents("ar:x", Options())
    result = table.result({"szabo-expression": measured(0.9, 0.1, variational=False)})
    text = " ".join(layout.markdown(table.blocks({**result, "data": "ar"})).split())
    assert "| Szabó et al. | expression | identity | 1 | 3.0 | 25.0 | | 10.0 | 10.0 | 20.0 |" in text
    assert "| expression, held by s | 1 | 3.0 | 25.0 | | 90.0 | 90.0 | 20.0 |" in text
    assert "chance: Szabó et al., s holds expression." in text


def test_a_set_without_people_is_refused() -> None:
    with pytest.raises(ConfigError, match="fei, ar, cfp; got 'mnist'"):
        face_latents.FaceLatents("mnist:x", Options())


def test_runs_are_trained_and_probed_for_every_factor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "fei"
    folder.mkdir()
    rng = np.random.default_rng(0)
    np.savez(folder / "fei28.npz", images=rng.integers(0, 255, (168, 14, 28, 28, 3), dtype=np.uint8))
    monkeypatch.setattr(face_latents, "FACTORS", {"fei": ("pose", "expression")})
    monkeypatch.setattr(face_latents, "_OWN", {"cycle_vae": ()})
    monkeypatch.setattr(probe, "MIN_EPOCHS", 5)
    monkeypatch.setattr(probe, "MIN_STEPS", 50)
    small = ("size=8", "width=4", "kernel=3", "s_dim=3", "z_dim=3", "batch_size=4", "steps=2")
    monkeypatch.setattr(face_latents, "_SMALL", small)
    options = Options(command="imgedit evaluate tables face-latents", n=200)
    result = comparison.compare(
        "face-latents",
        tmp_path / "runs",
        f"fei:{folder}",
        options,
        seeds=1,
        train=True,
        console=Console(file=io.StringIO()),
    )
    rows = {(row["held"], row["probed"]): row for row in result["rows"]}
    assert len(rows) == 4
    assert rows["pose", "pose"]["chance"] == pytest.approx(0.1)
    assert rows["pose", "expression"]["chance"] == pytest.approx(0.5)
    for row in rows.values():
        assert 0 <= row["s"]["mean"] <= 100
    again = comparison.compare("face-latents", tmp_path / "runs", None, options, seeds=1)
    assert again["rows"] == result["rows"]  # from kept figures, without the data
