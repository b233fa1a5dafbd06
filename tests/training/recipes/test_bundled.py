"""Each bundled model has a recipe that leads to its settings, and reaches the figures that it wants."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imgedit.models import library
from training.data import DATASETS
from training.recipes import recipe as recipes

BUNDLED = sorted(p.parent.name for p in (Path(library.__file__).parent.parent / "bundled").glob("*/manifest.json"))


def test_each_bundled_model_has_a_recipe_and_the_other_way_round() -> None:
    assert recipes.names() == BUNDLED


@pytest.mark.parametrize("name", BUNDLED)
def test_the_recipe_leads_to_the_settings_of_the_bundled_model(name: str) -> None:
    recipe, manifest = recipes.find(name), library.find(name).manifest
    assert recipe.model == manifest.id
    if recipe.converted:
        assert not recipe.stages
        return
    assert recipe.stages[-1].facts()["method"] == manifest.method
    stored = manifest.stages[-1]
    wanted = recipe.stages[-1].facts()["config"]
    differing = {key for key, value in stored.config.items() if wanted[key] != value} - set(recipe.stages[-1].uses)
    assert differing == set()
    assert recipe.stages[-1].length() == stored.steps
    assert set(recipe.data) <= set(DATASETS)
    assert recipe.export.get("half", False) == (manifest.export.weights == "float16")


@pytest.mark.parametrize("name", BUNDLED)
def test_the_bundled_model_reaches_the_figures_of_its_recipe(name: str) -> None:
    recipe, manifest = recipes.find(name), library.find(name).manifest
    assert recipe.missed(manifest.metrics) == []
    if not recipe.converted:
        assert re.match(r"imgedit evaluate (faces|codes|drawn) \{run\} --data ", recipe.figures["command"])
        assert recipe.figures.get("at_least") or recipe.figures.get("at_most")


@pytest.mark.parametrize("name", BUNDLED)
def test_the_words_of_the_bundled_model_are_those_of_its_recipe(name: str) -> None:
    recipe, manifest = recipes.find(name), library.find(name).manifest
    if names := recipe.export.get("words"):
        assert sorted(manifest.words) == sorted(names)
