"""UTKFace (Zhang et al. 2017): aligned colour chips named `age_gender_race_date.jpg.chip.jpg`.

Nobody is named, so every picture is a person of its own, and `test` is every tenth file (the names sort by age).
"""

from __future__ import annotations

import re
from pathlib import Path

from imgedit.errors import DataError
from training.data.factors import FactorTable, Loader, Source, every_tenth, squeezed
from training.data.reading import rgb

_NAME = re.compile(r"(\d+)_([01])_\d_\d+\.jpg\.chip\.jpg")


def read(folder: Path) -> Source:
    """Find the chips.

    Factors: `sex` (male, female) and `age` (the decade, such as 20; 90 and above are one). `test` is every tenth file.
    """
    found = [(p, m) for p in chips(folder) if (m := _NAME.fullmatch(p.name))]
    factors = {
        "sex": [("male", "female")[int(m[2])] for _, m in found],
        "age": [f"{min(int(m[1]) // 10 * 10, 90):02d}" for _, m in found],
    }
    people = [p.name for p, _ in found]
    table = FactorTable("utkface", people, factors, every_tenth(people), {"sex": ("male", "female")}, identity=False)
    return table, lambda i, size: squeezed(rgb(found[i][0]), size)


def chips(folder: Path) -> list[Path]:
    """Return the files of the set, sorted by name.

    Raises:
        DataError: there are none.
    """
    found = sorted(p for p in folder.iterdir() if _NAME.fullmatch(p.name)) if folder.is_dir() else []
    if not found:
        raise DataError(f"no files such as 25_0_2_20170116174525125.jpg.chip.jpg in {folder}")
    return found


load = Loader(read, specified="sex")
