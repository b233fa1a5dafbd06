"""Runs and models that an earlier version made still load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from imgedit.errors import ConfigError
from imgedit.models import library
from training import train as start
from training.method import METHODS
from training.publish import adopt
from training.run import checkpoint, former
from training.run import config as configs

# Settings that the manifests of bundled models hold, of each form of the former stargan.
_SHARED: dict[str, Any] = {
    "cells": 2, "depth": 8, "d_width": 48, "d_layers": 4, "adversarial": "hinge", "lambda_gp": 10.0,
    "diff_augment": True, "n_critic": 1, "batch_size": 16, "beta1": 0.5, "ema_decay": 0.999, "width": 24,
    "mask_model": "face_parser.celebamask_hq", "lambda_tint": 100.0, "free_tint": [1.0], "groups": [],
}  # fmt: skip
BANGS = {
    **_SHARED, "attributes": ["Bangs"], "size": 96, "crop": "face", "generator": "flow", "n_blocks": 4, "local": True,
    "conditioning": "difference", "targets": "flip", "lambda_adv": 1.0, "lambda_cls": 0.8, "lambda_rec": 0.5,
    "lambda_r1": 1.0, "lambda_teacher": 1.2, "teacher": "attribute_classifier.celeba", "lambda_keep": 0.0,
    "keeper": "", "keep_share": [], "lambda_colour": 0.0, "lambda_smooth": 1500.0, "lambda_curve": 0.0,
    "lambda_change": 0.0, "lambda_chroma": 0.0, "lambda_tv": 0.0, "mask": True, "contrast": 0.0,
    "parts": ["full", "half"], "any_hair": False, "conditional": True, "d_warmup": 300, "steps": 2000, "lr_g": 0.0003,
    "lr_d": 0.0004, "decay_from": 0.6, "seed": 0,
}  # fmt: skip
GLASSES = {
    **_SHARED, "attributes": ["Bangs", "Eyeglasses", "Mustache", "Smiling", "Young"], "size": 128, "crop": "close",
    "generator": "compact", "n_blocks": 4, "local": True, "conditioning": "difference", "targets": "flip",
    "lambda_adv": 1.0, "lambda_cls": 0.2, "lambda_rec": 5.0, "lambda_r1": 10.0, "lambda_teacher": 0.2,
    "teacher": "teacher_close", "lambda_keep": 0.0, "keeper": "", "lambda_colour": 0.0, "lambda_smooth": 0.0,
    "lambda_curve": 0.0, "lambda_change": 0.5, "lambda_chroma": 2.0, "lambda_tv": 0.3, "mask": False, "contrast": 0.0,
    "parts": ["full"], "any_hair": False, "conditional": True, "d_warmup": 150, "steps": 2200, "lr_g": 0.00012,
    "lr_d": 0.0004, "decay_from": 0.5, "seed": 8,
}  # fmt: skip
COLOURS = {
    **_SHARED, "attributes": ["Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"], "size": 64, "crop": "face",
    "generator": "bilateral", "n_blocks": 6, "cells": 1, "local": False, "conditioning": "target",
    "targets": "permute", "lambda_adv": 0.3, "lambda_cls": 0.6, "lambda_rec": 3.0, "lambda_r1": 1.0,
    "lambda_teacher": 12.0, "teacher": "hair_teacher2", "teacher_share": [1.0, 10.0, 1.0, 1.0], "lambda_keep": 240.0,
    "keeper": "attribute_classifier.celeba", "keep_share": [1.0, 1.0, 1.0, 5.0], "lambda_colour": 2.0,
    "lambda_tint": 250.0, "free_tint": [0.5, 0.75, 1.0, 0.15], "lambda_smooth": 2.0, "lambda_curve": 40.0,
    "lambda_change": 0.0, "lambda_chroma": 0.0, "lambda_tv": 0.0, "mask": True, "contrast": 0.5,
    "parts": ["full", "half"], "groups": ["Male", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"],
    "any_hair": True, "conditional": False, "d_warmup": 20, "batch_size": 32, "steps": 700, "lr_g": 0.001,
    "lr_d": 0.0004, "decay_from": 0.4, "seed": 23,
}  # fmt: skip
PAPER = {
    **_SHARED, "attributes": ["Blond_Hair", "Smiling"], "size": 16, "width": 4, "n_blocks": 1, "d_width": 4,
    "d_layers": 3, "crop": "face", "generator": "resnet", "local": False, "conditioning": "target",
    "targets": "permute", "adversarial": "wgan_gp", "n_critic": 5, "lambda_cls": 1.0, "lambda_rec": 10.0,
    "mask": False, "diff_augment": False, "conditional": False, "steps": 40, "lr_g": 1e-4, "lr_d": 1e-4,
    "decay_from": 0.5, "seed": 0, "parts": ["full", "half"], "batch_size": 4,
}  # fmt: skip
FORMS = {"hair_flow": BANGS, "local_edits": GLASSES, "hair_grid": COLOURS, "stargan": PAPER}
forms = pytest.mark.parametrize("now", FORMS)


@forms
def test_each_form_of_the_former_stargan_is_a_method_with_settings_of_the_same_value(now: str) -> None:
    method_id, settings = former.current("stargan", FORMS[now])
    assert method_id == now
    config = configs.to_json(configs.from_json(method_id, settings))
    for name in ("attributes", "size", "steps", "lr_g", "lambda_rec", "seed", "d_width"):
        assert config[name] == FORMS[now][name]
    assert former.current(method_id, config) == (method_id, config)  # what is current stays as it is


def test_renamed_settings_and_windows_keep_their_values() -> None:
    hair = former.current("stargan", COLOURS)[1]
    assert (hair["preserver"], hair["lambda_preserve"]) == ("attribute_classifier.celeba", 240.0)
    assert (hair["preserve_weights"], hair["teacher_weights"]) == ([1.0, 1.0, 1.0, 5.0], [1.0, 10.0, 1.0, 1.0])
    assert former.current("stargan", BANGS)[1]["boxes"] == [[36.0, 56.0, 142.0, 112.0]]
    assert former.current("stargan", GLASSES)[1]["boxes"][3] == [42.0, 100.0, 136.0, 182.0]
    assert "boxes" not in former.current("stargan", {**GLASSES, "local": False})[1]


@pytest.mark.parametrize("name", ["stargan_bangs", "stargan_shape", "stargan_hair"])
def test_bundled_models_of_the_former_stargan_become_methods(name: str) -> None:
    method = adopt.method(library.find(f"{name}.celeba"))
    assert method.id in METHODS
    assert method.id != "stargan"


@forms
def test_a_former_run_is_loaded_with_its_weights(now: str, tmp_path: Path) -> None:
    method_id, settings = former.current("stargan", FORMS[now])
    torch.manual_seed(4)
    made = configs.method_module(method_id).Method(configs.from_json(method_id, settings))
    state = {
        "step": 0, "method_id": "stargan", "config": FORMS[now], "method": made.state_dict(), "stream": {},
        "torch_rng": torch.get_rng_state(), "cuda_rng": None,
    }  # fmt: skip
    checkpoint.save(tmp_path, 0, state)
    (tmp_path / "config.json").write_text(json.dumps({"method": "stargan", "config": FORMS[now], "data": "celeba:x"}))
    loaded: Any = checkpoint.load_method(tmp_path)
    assert loaded.id == now
    for name, value in made.ema.network.state_dict().items():
        assert torch.equal(loaded.ema.network.state_dict()[name], value)
    assert checkpoint.stored_config(tmp_path)["method"] == now


def test_a_run_that_did_what_the_method_no_longer_does_is_not_resumed(tmp_path: Path) -> None:
    for settings, says in ((PAPER, "another gradient penalty"), ({**COLOURS, "contrast": 0.0}, "another contrast")):
        (tmp_path / "config.json").write_text(json.dumps({"method": "stargan", "config": settings}))
        now = checkpoint.stored_config(tmp_path)["method"]
        with pytest.raises(ConfigError, match=says):
            start.resolve(now, None, [], None, tmp_path)
    for settings in (COLOURS, BANGS, GLASSES):
        (tmp_path / "config.json").write_text(json.dumps({"method": "stargan", "config": settings}))
        assert former.CANNOT_GO_ON not in checkpoint.stored_config(tmp_path)


def test_networks_of_another_form_are_refused_by_the_setting() -> None:
    with pytest.raises(ConfigError, match="hair_grid has no cells=16"):
        former.current("stargan", {**COLOURS, "cells": 16})
