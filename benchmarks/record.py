"""Each measured row says on which machine, with which torch and on which day; a table says it once, and names the rows that
differ. So one row can be measured anew, and nobody takes it for one of the others."""

from collections import Counter
from datetime import date

import torch
from tutorial import machine

HERE_AND_NOW = ("machine", "torch", "date")


def here_and_now() -> dict[str, str]:
    """What a row that is measured now has to say."""
    return dict(zip(HERE_AND_NOW, (machine(), torch.__version__.split("+")[0], str(date.today())), strict=True))


def of_most(rows: list[dict]) -> dict[str, str]:
    """Where and when most rows were measured: the head of the table says it."""
    (most, _), *_ = Counter(tuple(row[key] for key in HERE_AND_NOW) for row in rows).most_common()
    return dict(zip(HERE_AND_NOW, most, strict=True))


def of_others(rows: list[dict], name) -> list[str]:
    """A line for each other machine, torch or day: which rows are of it. name: row → what the table calls it."""
    most, others = of_most(rows), {}
    for row in rows:
        if any(row[key] != most[key] for key in HERE_AND_NOW):
            place = f"{row['machine']}, torch {row['torch']}, {row['date']}"
            others.setdefault(place, []).append(name(row))
    return [f"*Measured apart ({place}): {', '.join(names)}.*" for place, names in others.items()]
