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


def difference(values: list[float], base: list[float]) -> tuple[float, float]:
    """The 95 % interval of the difference of two means over starts (Welch 1947, by scipy)."""
    from scipy import stats  # not there on a bare machine with a GPU

    return stats.ttest_ind(values, base, equal_var=False).confidence_interval(0.95)


def told_apart(values: list[float], base: list[float]) -> bool:
    """Whether the interval of the difference leaves 0 out: what the course calls clear."""
    low, high = difference(values, base)
    return low > 0 or high < 0
