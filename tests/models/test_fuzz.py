"""Damaged manifests: read or refused in one line; what is read is written back equal, listed and used.

`pytest --fuzz-seconds 600 tests/models/test_fuzz.py` looks longer; figures of such runs stand in `tests/README.md`.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

import imgedit
from imgedit.cli.models import HEADINGS
from imgedit.errors import ManifestError
from imgedit.models import library, manifest
from imgedit.models.manifest import Export, Stage
from imgedit.text import printable
from tests import toy_models as models
from tests.command_line import app
from tests.fuzz import PLACES, Damage, damaged, damages, explore, texts
from tests.models.test_attacks import places
from tests.models.test_manifest import schema_1

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
NAMES = ("hair", "face", "generator", "schema 1")

NUMBERS = st.sampled_from([0, -1, 1, 2, 64, 2**31, 2**53 + 1, 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf")])
TEXTS = texts(8) | st.sampled_from(
    [
        *(
            "",
            "translate",
            "sample",
            "image",
            "grid",
            "flow",
            "hair",
            "all",
            "target",
            "direction",
            "blond",
            "no-blond",
        ),
        *("face_parser.test", "stargan_hair.celeba", "translate.onnx", "gone.onnx", "../x.onnx", "/etc/passwd", "1.0"),
        *("a\0b", "a\x1b[2Jb", "two\nlines", "\u202e", "\ud800", "x" * 5000, "0" * 64),
    ]
)
WORDS = st.text("ab_.- é", max_size=8) | st.sampled_from(["Smiling", "Blond_Hair", "blond", "grid", "flow", "image"])
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), NUMBERS, TEXTS)
DEEP = st.integers(1, 300).map(lambda depth: json.loads("[" * depth + "]" * depth))
VALUES = PLAIN | st.recursive(
    PLAIN, lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXTS, part, max_size=3), max_leaves=6
)
WITH = {
    "vary": st.tuples(st.booleans(), st.integers(0, 64) | st.floats(0, 1) | NUMBERS, WORDS),
    "set": VALUES | DEEP,
    "add": st.tuples(TEXTS, VALUES),
    "rename": TEXTS,
    "remove": st.none(),
    "double": st.none(),
    "move": PLACES,
}
"""What may happen to a value of a manifest, and what with."""
CHANGE = st.sampled_from(["vary", "vary", "set", "set", *sorted(WITH)]).flatmap(
    lambda how: st.tuples(st.just(how), PLACES, WITH[how])
)
MANIFESTS = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from([1, 1, 1, 3]).flatmap(lambda most: st.lists(CHANGE, min_size=1, max_size=most)),
    st.sampled_from([True, *[False] * 7]).flatmap(lambda too: damages(NAMES) if too else st.just([])),
)


def at(value: Any, way: tuple[Any, ...]) -> Any:
    for key in way:
        value = value[key]
    return value


def changed(text: str, changes: list[tuple[str, float, Any]]) -> str:
    """Return JSON text after changes of its values."""
    data = json.loads(text)
    for how, where, what in changes:
        ways = list(places(data))[1:]
        if not ways:
            break
        way = ways[int(where * len(ways))]
        inside, key = at(data, way[:-1]), way[-1]
        if how == "vary" and not isinstance(inside[key], dict | list):  # another value of the same type
            flag, number, text = what
            inside[key] = flag if isinstance(inside[key], bool) else text if isinstance(inside[key], str) else number
        elif how == "vary" or (how in ("add", "rename", "double") and isinstance(inside, dict) == (how == "double")):
            continue  # not of this place
        elif how == "set":
            inside[key] = what
        elif how == "add":
            inside[what[0]] = what[1]
        elif how == "rename":
            inside[what] = inside.pop(key)
        elif how == "double":
            inside.append(inside[key])
        elif how == "move":
            inside[key] = json.loads(json.dumps(at(data, ways[int(what * len(ways))])))
        else:
            del inside[key]
    return json.dumps(data)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Good models by name, in the folder where pulled models lie; one of them gets a damaged manifest at a time."""
    home = tmp_path / "home"
    found = {name: home / "models" / name.replace(" ", "") for name in NAMES}
    models.hair(found["hair"])
    face = models.face(found["face"])
    full = dataclasses.replace(
        face.manifest,
        parts={"mask": "face_parser.test"},
        classes=("a", "b"),
        stages=(Stage("first", "stargan", steps=3, config={"a": [1, "b"]}), Stage("second", "stargan", init="first")),
        export=Export("float16", "2.6", {"translate": 1e-6}),
        metrics={"fid": 8.0, "words": {"smiling": {"n": 100}}},
        golden={"role": "translate", "seed": 1},
    )
    full.write(found["face"])
    models.generator(found["generator"], metrics={"rejection": {"a": 1.0, "b": 0.0, "m": 1.0, "gamma": 0.0}})
    models.face(found["schema 1"])
    old, new = json.loads(schema_1()), json.loads((found["schema 1"] / manifest.FILE).read_text())
    old |= {"graphs": new["graphs"], "id": "stargan_old.test"}
    (found["schema 1"] / manifest.FILE).write_text(json.dumps(old))
    monkeypatch.setenv("IMGEDIT_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return found


def ask(*args: str) -> tuple[int, str]:
    """Run a command; return its exit code and what it printed, after a look at its errors."""
    done = CliRunner().invoke(app, args, catch_exceptions=False, prog_name="imgedit")
    assert done.exit_code in (0, 1, 2, 4), done.stderr
    assert printable(done.output, keep="\n") == done.output, done.output
    if done.exit_code in (1, 4):
        assert done.stderr.split("\n")[-2].startswith("error: "), done.stderr
    return done.exit_code, done.stdout


@pytest.mark.filterwarnings("ignore::imgedit.errors.EditWarning")
def test_a_damaged_manifest_is_refused_in_one_line_or_its_model_works(
    fuzz_seconds: float, folders: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {name: (folder / manifest.FILE).read_bytes() for name, folder in folders.items()}
    counts, codes = {"used": 0}, [0]
    alone = folders["hair"].parent.parent / "alone"
    models.face(alone)

    def check(example: tuple[str, list[tuple[str, float, Any]], list[Damage]]) -> None:
        name, changes, damage = example
        file = folders[name] / manifest.FILE
        text = changed(whole[name].decode(), changes).encode() if changes else whole[name]
        file.write_bytes(damaged(text, damage, whole))
        try:
            use(folders[name], read(folders[name]))
        finally:
            file.write_bytes(whole[name])

    def check_reading(example: tuple[str, list[tuple[str, float, Any]], list[Damage]]) -> None:
        name, changes, damage = example
        text = damaged(changed(whole[name].decode(), changes).encode(), damage, whole)
        (alone / manifest.FILE).write_bytes(text)
        read(alone)

    def read(folder: Path) -> manifest.Manifest | None:
        found, refusal = None, ""
        try:
            found = manifest.read(folder)
        except ManifestError as error:
            refusal = str(error)
        assert refusal.isprintable()
        assert len(refusal) < len(str(folder)) + 400
        assert found is None or manifest.Manifest.from_json(found.to_json()) == found
        return found

    def use(folder: Path, read: manifest.Manifest | None) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(library, "bundled_folder", lambda: folder / "none")  # a listing then takes no time
            for option in ((), ("--json",), ("--words",)):
                code, listed = ask("models", *option)
                assert code == 0
                lines = [line for line in listed.split("\n") if line and not line.startswith(" ")]
                n = len([line for line in lines if line not in HEADINGS])
                assert option == ("--words",) or n == len(NAMES) - (read is None), listed
        if read is None:
            return
        counts["used"] += 1
        if read.kind == "sample":
            for option in ((), ("--reject",)):
                codes[:] = [
                    ask("sample", f"{folder}/", "-n", "2", "--grid", "-o", "grid.png", "--overwrite", *option)[0]
                ]
        elif read.kind == "translate" and read.words:
            word = next(iter(read.words))
            codes[:] = [
                ask("translate", "--model", f"{folder}/", "-a", word, "portrait.png", "-o", "out.png", "--overwrite")[0]
            ]

    Image.open(PORTRAIT).crop((150, 0, 300, 150)).save("portrait.png")
    for name in NAMES:
        check((name, [], []))
        assert codes.pop() == 0, name
    assert counts["used"] == len(NAMES)
    tried = explore(fuzz_seconds / 2, MANIFESTS, check_reading), explore(fuzz_seconds / 2, MANIFESTS, check)
    with capsys.disabled():
        used = counts["used"] - len(NAMES)
        print(f"\n{sum(tried)} damaged manifests tried, {tried[1]} of them listed and {used} used")  # noqa: T201
