"""The faces of one photo go through the networks together, and come out as if each were alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from imgedit import photo, speed
from imgedit.editor import Editor
from imgedit.edits import express, pose, translate
from imgedit.edits.plan import Plan
from imgedit.models import together
from imgedit.models.runtime import Session

N_FACES = 4


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor(device="cpu")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each graph runs."""
    counts: Counter[str] = Counter()
    checked = Session._checked

    def counted(self: Session, wanted: list[str], rows: Mapping[str, Any]) -> Any:
        counts[self.name] += 1
        return checked(self, wanted, rows)

    monkeypatch.setattr(Session, "_checked", counted)
    return counts


@pytest.mark.parametrize("name", ["blond", "smiling", "young", "smile", "pose"])
def test_faces_go_through_the_networks_together_and_come_out_as_one_by_one(
    name: str, editor: Editor, runs: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan: Plan = {
        "smile": lambda: express.prepare({"open": 0.6}),
        "pose": lambda: pose.prepare(12.0),
    }.get(name, lambda: translate.prepare(name, editor.models, force=True))()
    group = photo.read(speed.scene(N_FACES, 900, 600))
    joint = editor.edit_photo(group, plan)
    n_joint = runs.copy()
    runs.clear()
    monkeypatch.setattr(together, "MAX_TASKS", 1)
    alone = editor.edit_photo(group, plan)
    assert len(joint.edited) == N_FACES
    assert joint.is_changed
    assert np.array_equal(joint.photo.rgb, alone.photo.rgb)
    assert joint.warnings == alone.warnings
    per_subject = [graph for graph in runs if runs[graph] >= N_FACES and not graph.startswith("mtcnn")]
    assert any(N_FACES * n_joint[graph] == runs[graph] for graph in per_subject), (n_joint, runs)
