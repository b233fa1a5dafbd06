"""AR (Martinez and Benavente 1998): 99 people in 14 grey views, squeezed to a square.

Seven views in each of two sessions: neutral, smile, anger, scream in even light, and neutral in three other lights.
"""

from __future__ import annotations

from pathlib import Path

from training.data.factors import FactorTable, Loader, Source, last_tenth, squeezed
from training.data.reading import rgb
from training.data.tables import rows


def read(folder: Path) -> Source:
    """Read `metadata.csv`, beside `images/`.

    Factors: `identity` and `expression` (neutral, smile, anger, scream, each in even light). `test` is the last tenth
    of the sorted people.
    """
    found = rows(folder, ("file_name", "person", "expression", "light"))
    people = [f"{int(row['person']):03d}" for row in found]
    expressions = [row["expression"] if row["light"] == "normal" else "" for row in found]
    table = FactorTable("ar", people, {"expression": expressions}, last_tenth(people), {})
    return table, lambda i, size: squeezed(rgb(folder / found[i]["file_name"]), size)


load = Loader(read)
