"""Write what recipes and code say into the bundled models: `python -m training.recipes.refresh`.

Each manifest gets the stages of its recipe, each card is made anew. The card of a model that was converted is written
by hand below its head, and stays.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from imgedit.files import write_whole
from imgedit.models import library, manifest
from imgedit.models.manifest import Manifest, Stage
from training.measure.script import printed
from training.publish import card
from training.publish.card_head import head
from training.publish.place import CARD
from training.recipes import recipe as recipes
from training.recipes.recipe import Recipe


def with_stages(stated: Manifest, recipe: Recipe) -> Manifest:
    """Return a manifest with the stages of its recipe, and the method of the last; a converted one stays as it is."""
    if recipe.converted:
        return stated
    stages = tuple(Stage(**step.facts()) for step in recipe.stages)
    return dataclasses.replace(stated, method=stages[-1].method, stages=stages)


def card_of(stated: Manifest, recipe: Recipe, before: str) -> str:
    """Return the card of a bundled model.

    Args:
        stated: its manifest.
        recipe: its recipe.
        before: the card that is there.
    """
    if not recipe.converted:
        return card.text(stated, recipe.name)
    body = before.partition("\n---\n")[2].lstrip("\n") if before.startswith("---\n") else before
    return head(stated) + body


def refresh(folder: Path) -> bool:
    """Bring manifest and card of a bundled model up to date, and tell whether anything changed."""
    recipe = recipes.find(folder.name)
    stated = manifest.read(folder)
    before = (folder / CARD).read_text(encoding="utf-8")
    new = with_stages(stated, recipe)
    text = card_of(new, recipe, before)
    if new == stated and text == before:
        return False
    new.write(folder)
    write_whole(folder / CARD, text)
    return True


def main() -> int:
    """Refresh all bundled models, and print the names of those that changed; returns the exit code."""
    folders = sorted(file.parent for file in library.bundled_folder().glob(f"*/{manifest.FILE}"))
    return printed(lambda: (folder.name for folder in folders if refresh(folder)))


if __name__ == "__main__":
    sys.exit(main())
