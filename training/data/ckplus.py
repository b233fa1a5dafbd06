"""CK+ (Lucey et al. 2010): 981 grey faces of 118 people with 7 expressions at 48 px.

Three frames of one sequence look almost alike: with `identity` and `unseen=False` train and test share sequences.
"""

from __future__ import annotations

from pathlib import Path

from training.data.factors import FactorTable, Loader, Source, last_tenth, squeezed
from training.data.reading import rgb
from training.data.tables import rows


def read(folder: Path) -> Source:
    """Read `metadata.csv`, beside a folder an expression.

    Factors: `expression` and `identity`. `test` is the last tenth of the sorted people.
    """
    found = rows(folder, ("file_name", "expression", "subject"))
    people = [row["subject"] for row in found]
    table = FactorTable("ckplus", people, {"expression": [row["expression"] for row in found]}, last_tenth(people), {})
    return table, lambda i, size: squeezed(rgb(folder / found[i]["file_name"]), size)


load = Loader(read, specified="expression")
