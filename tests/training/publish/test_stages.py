"""Stages before a run, by name."""

from __future__ import annotations

import pytest

from imgedit.models import library
from training.publish import stages


@pytest.mark.parametrize("name", ["attribute_judge.celeba", "stargan_shape.celeba"])
def test_stages_of_a_model_are_named_within_its_id_and_still_refer_to_each_other(name: str) -> None:
    found = stages.of(name)
    names = [stage["name"] for stage in found]
    assert names[-1] == name
    assert all(n.startswith(f"{name}/") for n in names[:-1])
    stated = library.find(name).manifest.stages
    before = {stage.name: now for stage, now in zip(stated, names, strict=True)}
    for stage, now in zip(stated, found, strict=True):
        assert now["init"] == before.get(stage.init, stage.init)
        assert now["steps"] == stage.steps
    assert stages.before(name, {})[1] == name


def test_a_model_of_a_folder_keeps_its_stages_names() -> None:
    model = library.find("attribute_judge.celeba")
    assert [stage["name"] for stage in stages.of(model.folder)] == ["plain", "balanced"]


def test_what_stands_in_two_lists_comes_once() -> None:
    first = stages.of("attribute_judge.celeba")
    assert stages.joined(first, first) == first
