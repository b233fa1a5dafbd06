"""Results as text, for a terminal, a pipe or a Markdown file: paragraphs and tables of which no cell is ever cut."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

MARKDOWN_WIDTH = 120
"""Columns of a paragraph in a Markdown file."""
_GAP = "  "
_NUMBER = "0123456789-–+."


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        header: one cell a column.
        rows: as many cells each.
        n_keys: so many columns, the first ones, name the rows; they stand in every part of a table that is split.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    n_keys: int = 1

    def transposed(self) -> Table:
        """Return the table with its columns as rows."""
        header, *rows = zip(self.header, *self.rows, strict=True)
        return Table(header, rows)

    def columns(self, index: Sequence[int]) -> Table:
        """Return some of the columns."""
        return Table([self.header[i] for i in index], [[row[i] for i in index] for row in self.rows], self.n_keys)

    def widths(self) -> list[int]:
        """Return the width of each column, characters."""
        return [max(len(cell) for cell in column) for column in zip(self.header, *self.rows, strict=True)]


@dataclass(frozen=True)
class Title:
    """The heading of what follows."""

    text: str


@dataclass(frozen=True)
class Verbatim:
    """Lines that are never wrapped: commands, names of files."""

    lines: Sequence[str]


Block = str | Table | Title | Verbatim
"""A string is a paragraph."""


def plain(blocks: Sequence[Block], width: int) -> str:
    """Lay blocks out as aligned text.

    A table that is wider than `width` is turned on its side if it fits so, or else split into several tables that
    all begin with the columns that name the rows. A single cell may still reach beyond `width`.

    Args:
        blocks: from top to bottom.
        width: of a line, characters.
    """
    parts = []
    for block in blocks:
        if isinstance(block, Table):
            parts += [_aligned(table) for table in _fitted(block, width)]
        elif isinstance(block, Verbatim):
            parts.append("\n".join(block.lines))
        elif isinstance(block, Title):
            parts.append(block.text)
        else:
            parts.append(_wrapped(block, width))
    return "\n\n".join(parts) + "\n"


def markdown(blocks: Sequence[Block]) -> str:
    """Lay blocks out as Markdown."""
    parts = []
    for block in blocks:
        if isinstance(block, Table):
            parts.append(_markdown_table(block))
        elif isinstance(block, Verbatim):
            parts.append(textwrap.indent("\n".join(block.lines), "    "))
        elif isinstance(block, Title):
            parts.append(f"# {block.text}")
        else:
            parts.append(_wrapped(block, MARKDOWN_WIDTH))
    return "\n\n".join(parts) + "\n"


def _fitted(table: Table, width: int) -> list[Table]:
    candidates = [table, table.transposed()] if table.n_keys == 1 else [table]
    for candidate in candidates:
        if _total(candidate.widths()) <= width:
            return [candidate]
    widths, keys = table.widths(), list(range(table.n_keys))
    parts, chosen = [], keys
    for i in range(table.n_keys, len(widths)):
        if len(chosen) > table.n_keys and _total([widths[c] for c in (*chosen, i)]) > width:
            parts.append(chosen)
            chosen = keys
        chosen = [*chosen, i]
    return [table.columns(part) for part in (*parts, chosen)]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _aligned(table: Table) -> str:
    """Return a table with a rule under its header; columns of numbers are flush right."""
    widths, right = table.widths(), _are_numbers(table)
    rows = [table.header, ["-" * width for width in widths], *table.rows]
    lines = []
    for row in rows:
        cells = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)]
        lines.append(_GAP.join(cells).rstrip())
    return "\n".join(lines)


def _are_numbers(table: Table) -> list[bool]:
    """Tell of each column but the first whether every cell that is not empty begins like a number."""
    columns = list(zip(*table.rows, strict=True)) if table.rows else [()] * len(table.header)
    return [i > 0 and all(c[0] in _NUMBER for c in column if c) for i, column in enumerate(columns)]


def _markdown_table(table: Table) -> str:
    header, *rows = ([cell.replace("|", "\\|") for cell in row] for row in (table.header, *table.rows))
    widths = Table(header, rows).widths()
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(f"| {' | '.join(c.ljust(w) for c, w in zip(row, widths, strict=True))} |" for row in lines)


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
