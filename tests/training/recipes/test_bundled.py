"""Each bundled model has a recipe that leads to its settings, and reaches the figures that it wants."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from imgedit.models import library
from training.data import DATASETS
from training.recipes import recipe as recipes
from training.recipes import refresh
from training.run import former

BUNDLED = sorted(p.parent.name for p in (Path(library.__file__).parent.parent / "bundled").glob("*/manifest.json"))


TRANSLATION = {f"{m}.{d}" for m in ("vae_gan", "cyclegan", "stargan") for d in ("celeba", "sleeve_models")}
NOT_BUNDLED = {
    *("dr_gan.cfp", "dr_gan.fei", "face_recognition.cfp", "local_edits.celeba_eyes", "mathieu.celeba"),
    *TRANSLATION,
}
"""Recipes of models that no command uses."""


def test_each_bundled_model_has_a_recipe_and_the_other_way_round() -> None:
    assert set(recipes.names()) == {*BUNDLED, *NOT_BUNDLED}
    assert not NOT_BUNDLED & set(BUNDLED)


@pytest.mark.parametrize("name", sorted(NOT_BUNDLED))
def test_a_recipe_of_a_model_that_is_not_bundled_can_be_trained(name: str) -> None:
    recipe = recipes.find(name)
    assert recipe.model == name
    assert recipe.stages
    assert set(recipe.data) <= set(DATASETS)
    for stage in recipe.stages:
        assert name.startswith(f"{stage.method}.")
        assert 0 < stage.length() <= stage.config().steps


@pytest.mark.parametrize("name", BUNDLED)
def test_the_recipe_leads_to_the_settings_of_the_bundled_model(name: str) -> None:
    recipe, manifest = recipes.find(name), library.find(name).manifest
    assert recipe.model == manifest.id
    if recipe.converted:
        assert not recipe.stages
        return
    stored = manifest.stages[-1]
    method_id, config = former.current(manifest.method, stored.config)
    assert recipe.stages[-1].facts()["method"] == method_id
    wanted = recipe.stages[-1].facts()["config"]
    differing = {key for key, value in config.items() if wanted[key] != value} - set(recipe.stages[-1].uses)
    assert differing == set()
    assert recipe.stages[-1].length() == stored.steps
    assert set(recipe.data) <= set(DATASETS)
    assert recipe.export.get("half", False) == (manifest.export.weights == "float16")


@pytest.mark.parametrize("name", BUNDLED)
def test_the_bundled_model_reaches_the_figures_of_its_recipe(name: str) -> None:
    recipe, manifest = recipes.find(name), library.find(name).manifest
    assert recipe.missed(manifest.metrics) == []
    if not recipe.converted:
        assert re.match(
            r"imgedit evaluate (faces|sleeves|codes|drawn|rotation) \{run\} --data ", recipe.figures["command"]
        )
        assert recipe.figures.get("at_least") or recipe.figures.get("at_most")


@pytest.mark.parametrize("name", BUNDLED)
def test_the_words_of_the_bundled_model_are_those_of_its_recipe(name: str) -> None:
    recipe, manifest = recipes.find(name), library.find(name).manifest
    if names := recipe.export.get("words"):
        assert sorted(manifest.words) == sorted(names)


@pytest.mark.parametrize("name", BUNDLED)
def test_manifest_and_card_are_what_recipe_and_code_say(name: str) -> None:
    recipe, model = recipes.find(name), library.find(name)
    wanted = refresh.with_stages(model.manifest, recipe)
    again = "python -m training.recipes.refresh"
    assert [vars(stage) for stage in model.manifest.stages] == [vars(stage) for stage in wanted.stages], again
    before = (model.folder / "README.md").read_text(encoding="utf-8")
    assert refresh.card_of(wanted, recipe, before) == before, again


@pytest.mark.parametrize("name", BUNDLED)
def test_the_hub_reads_the_head_of_the_card(name: str) -> None:
    model = library.find(name)
    data = ModelCard.load(model.folder / "README.md").data
    assert data.library_name == "imgedit"
    assert data.license in ("mit", "apache-2.0", "other")
    assert (data.license == "other") == (data.license_name is not None)
    assert data.pipeline_tag
    assert {"onnx", model.manifest.kind} <= set(data.tags)
    if model.manifest.kind in ("translate", "classify", "parse", "sample", "swap"):
        assert bool(data.datasets) == any(stage.data for stage in model.manifest.stages)  # drawings have none
        results = {result.metric_name: result.metric_value for result in data.eval_results}
        assert results
        for metric, value in results.items():
            found = recipes.figure(model.manifest.metrics, metric.replace(": ", "."))
            assert found is None or value == pytest.approx(found, abs=1e-4)


def test_a_restricted_licence_is_not_given_as_an_open_one() -> None:
    heads = {name: ModelCard.load(library.find(name).folder / "README.md").data for name in BUNDLED}
    for name, data in heads.items():
        allowed = library.find(name).manifest.commercial_use
        assert (data.license_name == "non-commercial-research") == (not allowed), name
