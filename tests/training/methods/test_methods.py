"""What every training method must do, parametrised over the registry."""

from __future__ import annotations

import ast
import copy
import dataclasses
import importlib
import inspect
import io
import itertools
import pkgutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn
from training_toys import Pictures

import training.methods
from imgedit.models.manifest import Crop, GraphFile, Manifest
from training.data.batch import Stream
from training.families import translation
from training.families.pair import RELEASED
from training.method import METHODS, Classifies, Codes, Draws, DrawsPixels, Features, NeedsHelpers
from training.methods import dr_gan, hair_grid
from training.methods.mathieu import PRESETS
from training.publish import credit, export
from training.run import checkpoint, loop
from training.run import config as configs

# Besides each method's own tiny configuration: forms that differ in networks or losses.
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in METHODS},
    "stargan-compact": ("stargan", {"n_critic": 1, "ema_decay": 0.9}),
    "local_edits-anywhere": ("local_edits", {"boxes": (), "lambda_chroma": 1.0}),
    "hair_flow-anywhere": ("hair_flow", {"boxes": ()}),
    "dr_gan": ("dr_gan", {"d_every": 1}),
    "dr_gan-compact": (
        "dr_gan",
        {"group": 2, "d_every": 1, "lambda_pixel": 1.0, "thin": True, "augment": True, "decay_from": 0.5,
         "drawn_as": "head"},
    ),
    "mathieu-class": (
        "mathieu",
        {"discriminator": "class_embedding", "gaussian": "both", "adversarial": "non_saturating", "norm": "batch"},
    ),
    "mathieu-s": ("mathieu", {"gaussian": "s", "accuracy_limit": 0.8}),
    "mathieu-authors": (
        "mathieu",
        {**PRESETS["authors"], "s_dim": 3, "z_dim": 4, "width": 4, "d_width": 4, "batch_size": 4, "n_classes": 2,
         "gaussian": "both", "steps": 40},
    ),
    "mathieu-jha": ("mathieu", {**RELEASED, "size": 28, "steps": 40, "lambda_adv": 1.0}),
    "szabo-paper": ("szabo", {**RELEASED, "size": 28, "steps": 40, "lambda_adv": 1.0}),
    "cycle_vae-options": (
        "cycle_vae",
        {"reverse_trains": "both", "reverse_distance": "wasserstein", "reverse_reconstruction": True,
         "adversarial": "both", "leak": "pairs", "norm": "batch", "lambda_own": 1.0, "kl_warmup": 0.5,
         "lambda_information": 1.0, "past_codes": 16},
    ),
    "cycle_vae-released": (
        "cycle_vae",
        {"network": "released", "size": 28, "reverse_fresh": True, "schedule": "drop", "reverse_reconstruction": True},
    ),
    "cycle_vae-pixelcnn": (
        "cycle_vae",
        {"decoder": "pixelcnn", "adversarial": "decoder", "leak": "classes", "leak_on": "mean",
         "reverse_distance": "likelihood"},
    ),
    "gan-conv": ("gan", {"network": "conv", "r1_gamma": 1.0, "label_smoothing": 0.1}),
    "vae_gan-adversarial": ("vae_gan", {"prior": "adversarial", "similarity": "pixel", "vectors": "plain"}),
    "cyclegan-logistic": ("cyclegan", {"objective": "logistic", "pool": 0, "lambda_identity": 0.0, "ema_decay": 0.9}),
    "cyclegan-grid": ("cyclegan", {"head": "grid"}),
    "cyclegan-paint": ("cyclegan", {"head": "paint"}),
}  # fmt: skip
forms = pytest.mark.parametrize("form", FORMS)


@dataclasses.dataclass
class Parent:
    first: int = 1
    """The first."""
    second: int = 2


@dataclasses.dataclass
class Child(Parent):
    third: int = 3


drawing = pytest.mark.parametrize(
    "form", [f for f in FORMS if not f.endswith(("_classifier", "_histogram", "_recognition"))]
)


def make(form: str, **overrides: Any) -> Any:
    """Return a tiny method and an endless stream of pictures for it."""
    method_id, changes = FORMS[form]
    module = configs.method_module(method_id)
    config = configs.build(module.Config, {**module.Method.tiny(), **changes, **overrides})
    torch.manual_seed(config.seed)
    return module.Method(config)


def pictures(method: Any, n: int = 8) -> Pictures:
    options = method.data_options(method.config)
    attributes = tuple(options.get("attributes", ()))
    masked = (
        "classes"
        if method.id == "face_parser"
        else "soft"
        if options.get("mask_model") or options.get("side_masks")
        else None
    )
    masked = "glasses" if options.get("glasses_masks") else masked
    masked = "domains" if options.get("domains") and options.get("mask_model") else masked
    masked = "mouths" if options.get("mouth_masks") else "arms" if options.get("arm_masks") else masked
    attributes = ("short",) if options.get("arm_masks") or options.get("sleeve_lengths") else attributes
    channels = getattr(method.config, "channels", 3)
    pairs = bool(options.get("pairs") or options.get("domains")) or masked in ("mouths", "arms")
    return Pictures(n, method.config.size, attributes, masked, channels, pairs,
                    len(options.get("poses", ())), options.get("group", 1))  # fmt: skip


def stream(method: Any, n: int = 8) -> Stream:
    return Stream(pictures(method, n), method.config.batch_size, method.config.seed)


def networks(method: Any) -> dict[str, nn.Module]:
    """Every trained network of a method, by name."""
    return {
        name: value
        for name, value in vars(method).items()
        if isinstance(value, nn.Module) and any(p.requires_grad for p in value.parameters())
    }


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def assert_same(a: Any, b: Any, where: str = "") -> None:
    """Compare nested states to the last bit."""
    if isinstance(a, Tensor):
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_same(a[key], b[key], f"{where}/{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}/{i}")
    else:
        assert a == b, where


def undescribed(config: type) -> list[str]:
    """Return the fields of a dataclass and its parents that no docstring follows."""
    names = []
    for parent in filter(dataclasses.is_dataclass, config.__mro__):
        (tree,) = ast.parse(inspect.getsource(parent)).body
        for field, after in itertools.pairwise([*tree.body, ast.Pass()]):
            described = isinstance(after, ast.Expr) and isinstance(getattr(after.value, "value", None), str)
            if isinstance(field, ast.AnnAssign) and not described:
                names.append(ast.unparse(field.target))
    return names


def test_a_field_without_its_docstring_is_found() -> None:
    assert undescribed(Parent) == ["second"]
    assert undescribed(Child) == ["third", "second"]


def test_registry_equals_the_folder() -> None:
    found = {m.name for m in pkgutil.iter_modules(training.methods.__path__)}
    assert set(METHODS) == found
    for name, path in METHODS.items():
        module = importlib.import_module(path)
        assert path == f"training.methods.{name}"
        assert module.Method.id == name
        assert module.PRESETS


@pytest.mark.parametrize("method_id", METHODS)
def test_every_preset_is_a_valid_config_with_every_field_described(method_id: str) -> None:
    module = configs.method_module(method_id)
    for preset in module.PRESETS:
        config = configs.resolve(method_id, preset)
        assert config.steps > 0
        assert configs.from_json(method_id, configs.to_json(config)) == config
    assert undescribed(module.Config) == []


@forms
def test_every_trained_parameter_gets_a_finite_gradient(form: str) -> None:
    method = make(form)
    batches = stream(method)
    seen: dict[str, list[float]] = {}  # sums of absolute values; a shift that one loss cancels may be 0 there
    hooks = [
        p.register_hook(lambda g, n=f"{net}.{name}": seen.setdefault(n, []).append(float(g.abs().sum())))
        for net, network in networks(method).items()
        for name, p in network.named_parameters()
        if p.requires_grad
    ]
    for _ in range(3):
        method.step(batches)
    for hook in hooks:
        hook.remove()
    names = {
        f"{net}.{name}"
        for net, network in networks(method).items()
        for name, p in network.named_parameters()
        if p.requires_grad
    }
    assert not (missing := sorted(names - seen.keys())), f"no gradient for {missing}"
    bad = sorted(n for n, sums in seen.items() if not np.isfinite(sums).all() or max(sums) == 0.0)
    assert not bad, f"zero or non-finite gradient for {bad}"


@forms
def test_method_has_the_types_of_the_protocol(form: str) -> None:
    method = make(form)
    for name in "step state_dict load_state_dict samples graphs manifest_fields data_options tiny".split():
        assert callable(getattr(method, name)), name
    assert method.id == FORMS[form][0]
    assert method.steps == 0
    assert method.device == torch.device("cpu")
    for name in ("size", "batch_size", "steps", "seed"):
        assert isinstance(getattr(method.config, name), int), name


ABILITIES: dict[type, set[str]] = {
    Draws: {"gan", "md_gan", "unrolled_gan", "wgan", "wgan_gp"},
    Codes: {"cycle_vae", "lord", "mathieu", "pixel_vae", "szabo", "vae", "vae_gan"},
    DrawsPixels: {"cycle_vae", "pixel_vae"},
    Features: {"digit_classifier"},
    Classifies: {"attribute_classifier", "hair_classifier"},
}


@pytest.mark.parametrize("method_id", METHODS)
def test_abilities_are_told_by_their_protocols(method_id: str) -> None:
    method = make(method_id)
    found = {ability for ability in ABILITIES if isinstance(method, ability)}
    assert found == {ability for ability, able in ABILITIES.items() if method_id in able}
    assert isinstance(method.config, NeedsHelpers) == (
        method_id in ("frontal_refiner", "hair_flow", "hair_grid", "local_edits")
    )


@forms
def test_step_returns_detached_finite_scalars_and_counts(form: str) -> None:
    method = make(form)
    terms = method.step(stream(method))
    assert terms
    assert method.steps >= 1
    for name, value in terms.items():
        assert value.numel() == 1, name
        assert not value.requires_grad, name
        assert bool(value.isfinite()), name


@forms
def test_steps_in_bfloat16_are_finite(form: str) -> None:
    method = make(form)
    batches = stream(method)
    with torch.autocast("cpu", torch.bfloat16):
        for _ in range(2):
            terms = method.step(batches)
    assert all(bool(value.isfinite()) for value in terms.values())
    assert all(p.dtype == torch.float32 for network in networks(method).values() for p in network.parameters())


# What must fall when one tiny batch is seen again and again, and to which share of its first value.
OVERFIT = {
    "vae": ("loss_rec", 150, 0.6),
    "pixel_vae": ("loss_nll", 150, 0.7),
    "attribute_classifier": ("loss_bce", 60, 0.5),
    "hair_classifier": ("loss_ce", 60, 0.5),
    "hair_histogram": ("loss_ce", 150, 0.9),
    "face_recognition": ("loss_ce", 40, 0.3),
    "cycle_vae": ("loss_rec", 150, 0.6),
    "lord": ("loss_rec", 100, 0.8),
    "mathieu": ("loss_own", 80, 0.7),
    "mathieu-class": ("loss_own", 80, 0.8),
    "mathieu-s": ("loss_own", 80, 0.7),
    "mathieu-authors": ("loss_own", 50, 0.7),
    "szabo": ("loss_rec", 80, 0.7),
    "mathieu-jha": ("loss_kl", 100, 0.9),
    "szabo-paper": ("loss_rec", 40, 0.6),
    "cycle_vae-options": ("loss_rec", 90, 0.8),
    "cycle_vae-pixelcnn": ("loss_rec", 100, 0.8),
    "cycle_vae-released": ("loss_rec", 40, 0.4),
    "digit_classifier": ("loss_ce", 60, 0.3),
    "face_parser": ("loss_ce", 60, 0.7),
    "mouth_painter": ("loss_g_rec", 60, 0.7),
    "sleeve_classifier": ("loss_bce", 50, 0.4),
    "sleeve_painter": ("loss_g_rec", 50, 0.5),
    "gan": ("loss_d", 30, 0.8),
    "gan-conv": ("loss_d", 30, 0.8),
    "md_gan": ("loss_d", 30, 0.8),
    "unrolled_gan": ("loss_d", 30, 0.8),
    "wgan": ("loss_d", 30, 0.5),
    "wgan_gp": ("loss_d", 30, 0.5),
    "dr_gan": ("loss_d_identity", 90, 0.5),
    "dr_gan-compact": ("loss_d_identity", 45, 0.5),
    "frontal_refiner": ("loss_g_rec", 60, 0.8),
    "glasses_remover": ("loss_g_mask", 45, 0.9),
    "vae_gan": ("loss_rec", 50, 0.6),
    "vae_gan-adversarial": ("loss_rec", 75, 0.85),
    "cyclegan": ("loss_g_cycle", 70, 0.9),
    "cyclegan-logistic": ("loss_g_cycle", 50, 0.97),
    "cyclegan-grid": ("loss_d_y", 40, 0.5),
    "cyclegan-paint": ("loss_d_y", 40, 0.5),
    "stargan": ("loss_d_cls", 40, 0.3),
    "stargan-compact": ("loss_d_cls", 60, 0.5),
    "hair_grid": ("loss_d_cls", 30, 0.3),
    "hair_flow": ("loss_d_cls", 30, 0.3),
    "hair_flow-anywhere": ("loss_d_cls", 30, 0.3),
    "local_edits": ("loss_d_cls", 30, 0.3),
    "local_edits-anywhere": ("loss_d_cls", 30, 0.3),
}
# Learning rates: at 0.01 rounding decides who wins the vanilla game (its loss ended at 0.02 or at 6.7, by processor).
RATE, RATES = 1e-2, {"gan": 2e-3}


@forms
def test_one_tiny_batch_is_overfitted(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (translation, hair_grid, dr_gan):
        monkeypatch.setattr(module, "diff_augment", lambda image, **strengths: image)
    name, steps, share = OVERFIT[form]
    fields = configs.to_json(make(form).config)
    changes: dict[str, Any] = {"steps": steps * fields.get("n_critic", 1)}
    # No augmentation and no slow start: this asks whether the gradients lead anywhere.
    changes |= {
        k: v
        for k, v in {
            "colour": 0.0,
            "lr": RATES.get(form, RATE),
            "lr_d": 2e-3,
            "lambda_r1": 0.0,
        }.items()
        if k in fields
    }
    method = make(form, **changes)
    batches = stream(method, n=method.config.batch_size)
    history = [float(method.step(batches)[name]) for _ in range(steps)]
    assert np.mean(history[-5:]) < share * np.mean(history[:2]), f"{name}: {history[0]:.3f} -> {history[-1]:.3f}"


@forms
def test_resume_equals_uninterrupted_and_same_seed_gives_the_same_run(form: str, tmp_path: Path) -> None:
    method_id = FORMS[form][0]
    probe = make(form)
    probe.step(stream(probe))
    # A step may count several (n_critic). Both runs have one config, since learning rates follow `steps`; the second
    # run loses its last checkpoint.
    whole = configs.build(type(probe.config), {**vars(probe.config), "steps": 3 * probe.steps})
    data = pictures(probe)

    def run(name: str, resume: bool = False) -> Any:
        loop.train(
            method_id, whole, data, tmp_path / name, sample_every=0, checkpoint_every=2 * probe.steps, log_every=1,
            resume=resume, tensorboard=False, console=Console(file=io.StringIO()),
        )  # fmt: skip
        return checkpoint.load(checkpoint.latest(tmp_path / name))

    first, second = run("first"), run("second")
    assert_same(first, second)
    last = checkpoint.latest(tmp_path / "second")
    earlier = checkpoint.found(tmp_path / "second")[0]
    assert earlier != last
    for file in last.iterdir():
        file.unlink()
    last.rmdir()
    torch.manual_seed(123)
    assert_same(first, run("second", resume=True))


@forms
def test_state_dict_holds_everything_that_a_step_reads(form: str) -> None:
    method, other = make(form), make(form)
    batches = stream(method)
    for _ in range(2):
        method.step(batches)
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    images = next(batches)
    for m in (method, other):
        torch.manual_seed(0)
        m.step(iter([images] * 8))
    assert_same(method.state_dict(), other.state_dict())


@drawing
def test_samples_are_a_picture(form: str) -> None:
    method = make(form)
    grid = method.samples(next(stream(method)))
    assert grid.ndim == 3
    assert grid.shape[0] == 3
    assert 0.0 <= float(grid.min()) <= float(grid.max()) <= 1.0


@forms
def test_export_agrees_with_torch_at_two_batch_sizes(form: str) -> None:
    method = make(form)
    method.step(stream(method))
    for role, graph in method.graphs().items():
        content = export.to_onnx(graph)
        assert export.compare(role, graph, content) <= export.TOLERANCE


@forms
def test_exported_graphs_hold_averaged_weights(form: str) -> None:
    method = make(form)
    batches = stream(method)
    for _ in range(2):
        method.step(batches)
    for network in networks(method).values():  # the last weights: averages are not trained
        for parameter in network.parameters():
            parameter.data.fill_(float("nan"))
    for role, graph in method.graphs().items():
        if role == "score":  # of the discriminator, which has no average
            continue
        with torch.no_grad():
            found = graph.module(*graph.inputs.values())
        for output in (found,) if isinstance(found, Tensor) else found:
            assert bool(output.isfinite().all()), role


@forms
def test_manifest_fields_make_a_manifest(form: str) -> None:
    method = make(form)
    fields = credit.completed(method.manifest_fields(), "own", {})
    graphs = {role: GraphFile(f"{role}.onnx", "0" * 64, 1) for role in method.graphs()}
    fields["crop"] = Crop(**fields["crop"])
    manifest = Manifest(**{"id": "a.b", "version": "1", "method": method.id, "graphs": graphs, **fields})
    assert manifest.licence
    assert manifest.data_source
    assert manifest.paper
    if manifest.kind == "translate":
        assert {a for word in manifest.words.values() for a in word.sets} == set(manifest.attributes)
