"""Every stage of every recipe starts: its data, its settings, and what it builds on fit together (two steps each).

It takes minutes, so it runs where IMGEDIT_SLOW is set beside IMGEDIT_DATA.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import pytest

from training.publish import export
from training.recipes import recipe as recipes
from training.recipes import train as training
from training.recipes.recipe import Recipe, Step
from training.run import checkpoint
from training.run import config as configs

DATA = Path(os.environ.get("IMGEDIT_DATA", ""))
FOLDERS = {"celeba": "celeba", "celebamask_hq": "celebamask_hq", "mnist": "mnist", "cfp": "cfp", "fei": "fei",
           "fronts": "celeba"}  # fmt: skip
N_PICTURES = 40
"""Of each folder of CelebA and each split that is copied."""


@pytest.fixture(scope="module")
def few_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy some of CelebA's pictures and their rows of the lists."""
    source, folder = DATA / "celeba", tmp_path_factory.mktemp("celeba")
    split = dict(line.split() for line in (source / "list_eval_partition.txt").read_text().splitlines())
    chosen: set[str] = set()
    for place in ("img_align_celeba", "img_align_celeba_half", "img_align_celeba_64"):
        (folder / place).mkdir()
        for path in [p for p in sorted((source / place).iterdir()) if split[p.name] == "0"][:N_PICTURES]:
            shutil.copy(path, folder / place)
            chosen.add(path.name)
    lines = (source / "list_attr_celeba.txt").read_text().splitlines()
    rows = [line for line in lines[2:] if line.split()[0] in chosen]
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(len(rows)), lines[1], *rows]) + "\n")
    (folder / "list_eval_partition.txt").write_text("".join(f"{name} 0\n" for name in sorted(chosen)))
    return folder


@pytest.fixture(scope="module")
def few_masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy some of CelebAMask-HQ's pictures with their masks."""
    source, folder = DATA / "celebamask_hq", tmp_path_factory.mktemp("celebamask_hq")
    for place in ("images", "masks"):
        (folder / place).mkdir()
    for path in sorted((source / "images").glob("*.jpg"))[:20]:
        shutil.copy(path, folder / "images")
        shutil.copy(source / "masks" / f"{path.stem}.png", folder / "masks")
    return folder


@pytest.fixture(scope="module")
def few_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy some people of CFP."""
    source, folder = DATA / "cfp", tmp_path_factory.mktemp("cfp")
    for place in ("Images", "Fiducials"):
        for person in [p for p in sorted((source / "Data" / place).iterdir()) if p.is_dir()][:6]:
            shutil.copytree(person, folder / "Data" / place / person.name)
    return folder


def short(step: Step) -> Step:
    """Return a stage of two steps, with the generator in both; what hardly learnt can teach no masks."""
    known = configs.to_json(step.config())
    settings = {"steps": 2, "batch_size": 4, **({"d_warmup": 0} if "d_warmup" in known else {})}
    uses = {**step.uses, "teacher": "face_parser.celebamask_hq"} if "unlabelled" in step.uses else step.uses
    return dataclasses.replace(
        step, settings={**step.settings, **settings}, uses=uses, until=None if step.until is None else 1
    )


def short_recipe(name: str) -> Recipe:
    recipe = recipes.find(name)
    return dataclasses.replace(recipe, stages=tuple(short(step) for step in recipe.stages))


@pytest.mark.parametrize("name", [name for name in recipes.names() if not recipes.find(name).converted])
def test_all_stages_run_and_the_last_one_exports(
    name: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = short_recipe(name)
    if not os.environ.get("IMGEDIT_SLOW"):
        pytest.skip("takes minutes: set IMGEDIT_SLOW=1")
    if missing := [data for data in recipe.data if not (DATA / FOLDERS[data]).is_dir()]:
        pytest.skip(f"needs IMGEDIT_DATA with {', '.join(missing)}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # masks that are drawn are kept there
    few = {"celeba": "few_faces", "fronts": "few_faces", "celebamask_hq": "few_masks", "cfp": "few_people"}
    places = {
        data: str(request.getfixturevalue(few[data]) if data in few else DATA / FOLDERS[data]) for data in recipe.data
    }
    last = training.train(recipe, tmp_path / "runs", places, device="cpu", sample_every=0, checkpoint_every=1)
    assert checkpoint.latest(last).name in ("0000002", "0000001")
    manifest = export.export(last, tmp_path / "model", half=bool(recipe.export.get("half")), model_id=recipe.model)
    own = [stage.name for stage in manifest.stages if stage.name.partition("/")[0] not in recipes.names()]
    assert sorted(own) == sorted(s.name for s in recipe.stages if s.name.partition("/")[0] not in recipes.names())
    assert len({stage.name for stage in manifest.stages}) == len(manifest.stages)
    assert str(tmp_path) not in (tmp_path / "model" / "manifest.json").read_text()
