"""Tables as text: nothing is cut, whatever the width."""

from __future__ import annotations

import pytest

from training.evaluate.layout import Table, Title, Verbatim, markdown, plain

WIDE = Table(
    ["row", *(f"column {i}" for i in range(12))], [[f"r{r}", *(f"{r}.{i:03d}" for i in range(12))] for r in range(9)]
)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_cell_is_cut_and_no_line_is_longer_than_asked(width: int) -> None:
    text = plain([WIDE], width)
    assert all(len(line) <= width for line in text.splitlines())
    for row in (WIDE.header, *WIDE.rows):
        for cell in row:
            assert cell in text
    assert "…" not in text


def test_a_table_that_fits_is_aligned_with_numbers_flush_right() -> None:
    text = plain([Table(["method", "FID"], [["vanilla", "88.8 ± 29.7"], ["R1", "13.2"]])], 80)
    assert text.splitlines() == [
        "method           FID",
        "-------  -----------",
        "vanilla  88.8 ± 29.7",
        "R1              13.2",
    ]


def test_a_table_that_fits_on_its_side_is_turned() -> None:
    wide = Table(["edit", *(f"figure {i}" for i in range(9))], [["blond", *map(str, range(9))]])
    assert plain([wide], 40).splitlines()[0].split() == ["edit", "blond"]
    assert plain([wide], 200).splitlines()[0].split()[:2] == ["edit", "figure"]


def test_parts_of_a_split_table_all_begin_with_its_keys() -> None:
    rows = [[f"method {i % 3}", str(i), *["0.123456789"] * 8] for i in range(20)]
    parts = plain([Table(["method", "size", *"abcdefgh"], rows, n_keys=2)], 60).strip().split("\n\n")
    assert len(parts) == 3
    for part in parts:
        assert part.splitlines()[0].split()[:2] == ["method", "size"]
        assert [line.split()[2] for line in part.splitlines()[2:]] == [str(i) for i in range(20)]
    assert "".join(cell for part in parts for cell in part.splitlines()[0].split()[2:]) == "abcdefgh"


def test_a_cell_wider_than_the_line_stays_whole() -> None:
    name = "a" * 50
    assert name in plain([Table(["name", "value"], [[name, "1"], ["b", "2"]])], 30)


def test_paragraphs_are_wrapped_and_verbatim_lines_are_not() -> None:
    command = "imgedit evaluate " + "x" * 100
    text = plain([Title("title"), "word " * 40, Verbatim([command])], 30)
    assert text.splitlines()[0] == "title"
    assert command in text.splitlines()
    assert max(len(line) for line in text.splitlines() if "word" in line) <= 30


def test_markdown_has_even_columns_and_escapes_bars() -> None:
    text = markdown([Title("t"), Table(["a", "longer"], [["x|y", "1"]]), Verbatim(["imgedit x"])])
    assert text == "# t\n\n| a    | longer |\n| ---- | ------ |\n| x\\|y | 1      |\n\n    imgedit x\n"


def test_a_table_without_rows_is_its_header() -> None:
    assert plain([Table(["a", "b"], [])], 80) == "a  b\n-  -\n"
