"""The one way from a model to a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgedit.errors import ModelError
from imgedit.models import library
from imgedit.models.sessions import Sessions, check_kind
from tests import toy_models as models


def test_the_kind_is_checked(tmp_path: Path) -> None:
    made = models.face(tmp_path / "face")
    assert Sessions("cpu").find(made.folder, "translate") == check_kind(made, "translate") == made
    with pytest.raises(ModelError, match=r"stargan_face\.test is there to translate, not to parse"):
        Sessions("cpu").find(made.folder, "parse")


def test_a_graph_is_read_and_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = models.hair(tmp_path / "hair")
    reads: list[str] = []
    real = library.Model.read
    monkeypatch.setattr(library.Model, "read", lambda model, role: reads.append(role) or real(model, role))
    sessions = Sessions("cpu")
    first = sessions.open(made, "translate")
    assert sessions.open(made, "translate") is first
    assert sessions.open(made, "guide") is not first
    assert reads == ["translate", "guide"]
    assert Sessions("cpu").open(made, "translate") is not first


def test_messages_name_the_model_and_the_role(tmp_path: Path) -> None:
    session = Sessions("cpu").open(models.hair(tmp_path / "hair"), "guide")
    with pytest.raises(ModelError, match=r"stargan_hair\.test: guide takes \['image'\]"):
        session.run({})


def test_only_models_that_are_not_bundled_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limited: list[bool] = []

    class Recorded:
        def __init__(self, *_: object, is_limited: bool, **__: object) -> None:
            limited.append(is_limited)

    monkeypatch.setattr("imgedit.models.sessions.Session", Recorded)
    Sessions("cpu").open(models.face(tmp_path / "face"), "translate")
    Sessions("cpu").open(library.bundled("mtcnn.facenet"), "pnet")
    assert limited == [True, False]


@pytest.mark.parametrize(("threads", "expected"), [(1, 1), (2, 2), (None, 3)])
def test_a_session_takes_the_threads_that_were_asked_for(
    monkeypatch: pytest.MonkeyPatch, threads: int | None, expected: int
) -> None:
    monkeypatch.setattr("imgedit.models.devices.default_threads", lambda: 3)
    session = Sessions("cpu", threads).open(library.bundled("mtcnn.facenet"), "pnet")
    assert session._session.get_session_options().intra_op_num_threads == expected
