"""`imgedit evaluate tables translation-sleeves`: long sleeves made short and the reverse, by unpaired translation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from imgedit.editor import Editor
from imgedit.edits import sleeves as edits
from imgedit.errors import NoPersonError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.progress import with_progress
from imgedit.vision.body import Body
from training.data.sleeves import LONG, SHORT
from training.evaluate.bodies import sleeves
from training.evaluate.faces import quality
from training.evaluate.penultimate import penultimate
from training.evaluate.tables.comparison import Training
from training.evaluate.tables.translation import FRECHET, RECONSTRUCTION, WANTED, Column, Row, Translation, distance

Pictures = list[tuple[NDArray[np.uint8], Body]]


class TranslationSleeves(Translation):
    """The table of `data` `sleeve_models:DIR`."""

    runs: ClassVar[Mapping[str, Training]] = {
        "vae_gan": Training.of_recipe("vae_gan.sleeve_models"),
        "cyclegan": Training.of_recipe("cyclegan.sleeve_models"),
        "cyclegan_paint": Training.of_recipe("cyclegan.sleeve_models").having("head=paint", "steps=3800"),
        "stargan": Training.of_recipe("stargan.sleeve_models"),
    }
    rows: ClassVar[Mapping[str, Row]] = {
        "vae_gan": Row("VAE-GAN", "600 steps of 32 pictures; decorrelated attribute vectors of sleeves and garments"),
        "cyclegan": Row("CycleGAN", "2,000 steps of 4 pictures of each domain"),
        "cyclegan_paint": Row(
            "CycleGAN, flow and paint",
            "3,800 steps; its generators say from where the photo's own pixels are copied, and what is painted",
        ),
        "stargan": Row("StarGAN", "1,600 steps of 8 pictures, two of D for each of G; sleeves and seven garments"),
    }
    columns: ClassVar = (
        WANTED,
        Column("below", "change below the hips over that at the arms", 2),
        *RECONSTRUCTION,
        Column("lost", "nobody seen after it", 0),
        FRECHET,
        Column("frechet_before", "before", 1),
    )
    explained = (
        "People in tops and dresses, edited as `imgedit sleeves --model` does, so that only the arms change. Wanted: "
        f"the share in which {sleeves.JUDGE}, which no method has seen, sees the wanted length. There and back on the "
        f"whole picture. Fréchet distance to people with such sleeves, by what {sleeves.JUDGE} computes before its "
        "last layer, after the edit and before it. All methods had about 750 seconds of a processor core for training."
    )

    def ways(self, model: Model) -> dict[str, dict[str, float]]:
        """Return the figures of both ways."""
        editor = Editor([], self.options.device, mark=False)
        judge = library.find(sleeves.JUDGE)
        look = penultimate(judge)
        folder = Path(self.data.partition(":")[2])
        people = {
            length: sleeves.seen(editor, paths, f"Reading {length} sleeves")
            for length, paths in sleeves.chosen(folder, "test", self.n, 0).items()
        }
        plans = {to: edits.prepare(to, where=sleeves.WHOLE, force=True, painter=model) for to in edits.LENGTHS}
        windows = {length: _windows(found, judge) for length, found in people.items()}
        found = {}
        for source, target in ((LONG, SHORT), (SHORT, LONG)):
            rows, edited, pairs, lost = [], [], [], 0
            for rgb, body in with_progress(people[source], f"{model.id}: {source} to {target}"):
                there, subject, _ = sleeves.edited(editor, plans[target], rgb)
                try:
                    back, _, _ = sleeves.edited(editor, plans[source], there)
                except NoPersonError:  # nobody is seen any more, so that it cannot be brought back
                    back, lost = there, lost + 1
                shows = sleeves.short(judge, editor.networks.sessions, there, body) > 0.5
                rows.append(
                    ((shows == (target == SHORT)), sleeves.shares(rgb, there, sleeves.inside(subject), body)[1])
                )
                edited.append((there, body))
                pairs.append((rgb, back))
            wanted, below = np.array(rows, np.float64).T
            found[f"{source} to {target}"] = {
                "n": float(len(rows)),
                "lost": float(lost),
                "wanted": float(wanted.mean()),
                "below": float(np.median(below)),
                "psnr": quality.psnr(float(np.mean([quality.squared_error(a, b) for a, b in pairs]))),
                "ssim": float(np.mean([quality.ssim(a, b) for a, b in pairs])),
                "frechet": distance(look, windows[target], _windows(edited, judge)),
                "frechet_before": distance(look, windows[target], windows[source]),
            }
        return found


COMPARISON = TranslationSleeves


def _windows(pictures: Pictures, judge: Model) -> NDArray[np.uint8]:
    """Return what the judge sees of people, `(N, h, w, 3)`."""
    return np.stack([sleeves.window(judge, rgb, body) for rgb, body in pictures])
