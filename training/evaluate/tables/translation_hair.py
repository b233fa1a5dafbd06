"""`imgedit evaluate tables translation-hair`: black hair made blond and blond hair black, by unpaired translation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from imgedit.models import library
from imgedit.models.library import Model
from imgedit.progress import with_progress
from imgedit.vision import geometry
from training.data.celeba import HAIR
from training.evaluate.faces import attributes, identity
from training.evaluate.faces.attributes import FrameEditor
from training.evaluate.faces.classifier import FaceClassifier
from training.evaluate.faces.frames import load_hair
from training.evaluate.faces.report import HAIR_JUDGE, JUDGE
from training.evaluate.penultimate import penultimate
from training.evaluate.tables.comparison import Training
from training.evaluate.tables.translation import FRECHET, RECONSTRUCTION, WANTED, Column, Row, Translation, distance

WAYS = {
    "black to blond": ("Black_Hair", "Blond_Hair", "blond"),
    "blond to black": ("Blond_Hair", "Black_Hair", "black-hair"),
}
"""Way -> the labels of its two domains, and the word that is asked for."""


class TranslationHair(Translation):
    """The table of `data` `celeba:DIR`."""

    runs: ClassVar[Mapping[str, Training]] = {
        "vae_gan": Training.of_recipe("vae_gan.celeba"),
        "vae_gan_plain": Training.of_recipe("vae_gan.celeba").having("vectors=plain"),
        "cyclegan": Training.of_recipe("cyclegan.celeba"),
        "cyclegan_grid": Training.of_recipe("cyclegan.celeba").having("head=grid", "steps=3600"),
        "stargan": Training.of_recipe("stargan.celeba"),
    }
    rows: ClassVar[Mapping[str, Row]] = {
        "vae_gan": Row("VAE-GAN", "600 steps of 32 pictures; the decorrelated attribute vectors of all 40 labels"),
        "vae_gan_plain": Row(
            "VAE-GAN, plain vectors", "the same networks; of each label alone, mean z with it less mean z without"
        ),
        "cyclegan": Row("CycleGAN", "2,000 steps of 4 pictures of each domain, black and blond hair alone"),
        "cyclegan_grid": Row(
            "CycleGAN, colour grid",
            "3,600 steps; its generators return a grid of colour transforms, which is carried out on the photo's hair",
        ),
        "stargan": Row("StarGAN", "1,600 steps of 8 pictures, two of D for each of G; four hair colours"),
    }
    columns: ClassVar = (
        WANTED,
        Column("kept", "others kept, %", 1, 100.0),
        Column("identity_distance", "identity distance", 2),
        *RECONSTRUCTION,
        FRECHET,
        Column("frechet_before", "before", 1),
    )
    explained = (
        "Faces of CelebA with one label of hair, edited as users' photos are, so that only the hair changes. Wanted: "
        f"the share in which {HAIR_JUDGE}, which no method has seen, finds the other colour the most probable of four; "
        f"kept: {JUDGE}'s other decisions; identity: {identity.NETWORK} (0.6 and more is another person). There and "
        "back on the 178 px face window. Fréchet distance to faces that have the wanted colour, by what "
        f"{JUDGE} computes before its last layer, after the edit and before it. All methods had about 500 seconds of a "
        "processor core for training."
    )

    def ways(self, model: Model) -> dict[str, dict[str, float]]:
        """Return the figures of both ways."""
        device = self.options.device
        judge, hair_judge = (FaceClassifier(library.find(name), device) for name in (JUDGE, HAIR_JUDGE))
        look, editor = penultimate(library.find(JUDGE)), FrameEditor([model], device)
        faces = {colour: load_hair(self.data, colour, self.n, 0) for colour in ("Black_Hair", "Blond_Hair")}
        windows = {colour: _windows(frames, judge.matrix, judge.size) for colour, frames in faces.items()}
        found = {}
        for way, (source, target, word) in WAYS.items():
            frames = faces[source]
            back_word = next(other[2] for other in WAYS.values() if other[1] == source)
            edited, pairs = [], []
            for frame in with_progress(frames, f"{model.id}: {way}"):
                edited.append(editor.edit(frame, [word]))
                pairs.append((frame, editor.edit(edited[-1], [back_word])))
            before, after = judge.probabilities(frames), judge.probabilities(edited)
            seen = hair_judge.probabilities(edited)
            apart = identity.distances(identity.descriptors(frames), identity.descriptors(edited))
            lost = attributes.losses(pairs)
            found[way] = {
                "n": float(len(frames)),
                "wanted": float(attributes.says(hair_judge, seen, HAIR, target).mean()),
                "kept": float(attributes.kept(before, after, judge, HAIR).mean()),
                "identity_distance": float(apart.mean()),
                "psnr": lost["psnr"],
                "ssim": lost["ssim"],
                "frechet": distance(look, windows[target], _windows(edited, judge.matrix, judge.size)),
                "frechet_before": distance(look, windows[target], windows[source]),
            }
        return found


COMPARISON = TranslationHair


def _windows(frames: list[NDArray[np.uint8]], matrix: geometry.Matrix, size: int) -> NDArray[np.uint8]:
    """Return what the judge sees of faces, `(N, size, size, 3)`."""
    return np.stack([np.asarray(geometry.cut(frame, matrix, size), np.uint8) for frame in frames])
