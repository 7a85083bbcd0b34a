"""Where the strong network's gains come from: one change at a time, five starts each, judged on validation images.

Run: ``make ablation`` (seven minutes on two cores; embedded digits, no download). It writes
``benchmarks/results/ablation.json`` and, as a table, ``ablation.md``, and renews the table where a lesson shows it. To try
an idea of your own, add a line to ``CHANGES`` and measure it alone: ``make ablation ROW="your line"``.
"""

import argparse
import json
import statistics
from pathlib import Path

import nbformat
import record
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import denoise_utils as du
from denoise_utils.models import NETWORKS, MixPlaces, Position

HERE = Path(__file__).parent
RECORD, TABLE = HERE / "results" / "ablation.json", HERE / "results" / "ablation.md"
NOTEBOOKS = HERE.parent / "notebooks"
STEPS, BATCH, SEEDS = 240, 16, 5
NOISE = du.GaussianNoise(0.5, clip=True)


class NoSkip(du.StrongDenoiser):
    def forward(self, noisy):
        return self.out(self.after(self.up(self.bottom(self.down(self.before(self.into(noisy)))))))


class ResidualOutput(du.StrongDenoiser):
    def forward(self, noisy):
        return noisy + super().forward(noisy)


class SigmoidOutput(du.StrongDenoiser):
    def forward(self, noisy):
        return super().forward(noisy).sigmoid()


def no_u():
    """The strong network's parts, as many and as wide, in one row at half the size: no way down, no skip, no way up. Position
    and mixing stand around the last of the five blocks, as they do around the U's bottom one. 3 % more multiply-adds."""
    last = [Position(24, 14), du.ResidualBlock(24), MixPlaces(14 * 14)]
    return nn.Sequential(
        nn.PixelUnshuffle(2), nn.Conv2d(4, 24, 3, padding=1), *(du.ResidualBlock(24) for _ in range(4)), *last,
        nn.Conv2d(24, 4, 3, padding=1), nn.PixelShuffle(2),
    )  # fmt: skip


def without(*places: int):
    """The strong network without these parts of its bottom: 0 is the position, 2 the mixing of places."""

    def make():
        model = du.StrongDenoiser()
        for place in places:
            model.bottom[place] = nn.Identity()
        return model

    return make


def with_norm(make_norm):
    """The strong network with a normalisation before the first convolution of each residual block."""

    def make():
        model = du.StrongDenoiser()
        for block in model.modules():
            if isinstance(block, du.ResidualBlock):
                block.conv1 = nn.Sequential(make_norm(block.conv1.in_channels), block.conv1)
        return model

    return make


def averaging(model: nn.Module, decay: float) -> AveragedModel:
    """A running mean of the model's weights, renewed at each of its training steps."""
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
    model.register_forward_pre_hook(lambda m, _: average.update_parameters(m) if m.training else None)
    return average


STRONG, BASE = du.StrongDenoiser, "StrongDenoiser, our recipe"
CHANGES = {  # name: (network, options of fit)
    "the tutorial's network, Adam at 0.001": (du.ConvDenoiser, {"optimizer": "adamw", "lr": 1e-3, "schedule": "constant"}),
    **{f"{name}, our recipe": (make, {}) for name, make in NETWORKS.items()},
    "no skip connection": (NoSkip, {}),
    "residual blocks, no U": (no_u, {}),
    "residual output": (ResidualOutput, {}),
    "sigmoid output": (SigmoidOutput, {}),
    "no position": (without(0), {}),
    "no mixing of places": (without(2), {}),
    "neither": (without(0, 2), {}),
    "group norm": (with_norm(lambda channels: nn.GroupNorm(4, channels)), {}),
    "batch norm": (with_norm(nn.BatchNorm2d), {}),
    "one block at the top": (lambda: du.UDenoiser(24, 1, side=28), {}),
    "16 channels": (lambda: du.UDenoiser(16, 2, side=28), {}),
    "32 channels": (lambda: du.UDenoiser(32, 2, side=28), {}),
    "AdamW": (STRONG, {"optimizer": "adamw"}),
    "constant rate": (STRONG, {"schedule": "constant"}),
    "constant rate, averaged weights": (STRONG, {"schedule": "constant", "average": 0.97}),
    "one cycle, averaged weights": (STRONG, {"average": 0.97}),
}  # fmt: skip


def run(digits, make, seed: int, average: float | None = None, **options) -> tuple[float, float]:
    """Train once. Returns (validation MSE, seconds)."""
    torch.manual_seed(seed)
    model = make()
    judged = averaging(model, average) if average else model
    history = du.fit(model, digits.train.images, NOISE, steps=STEPS, batch_size=BATCH, seed=seed, device="cpu",
                     progress=False, **options)  # fmt: skip
    if average:
        judged.update_parameters(model)  # the last step's weights too
    return du.evaluate(judged.eval(), digits.val.images, NOISE).mse, history.seconds


def against(row: dict, base: dict) -> str:
    """The difference in per cent of the base, with its 95 % interval."""
    if row is base:
        return ""
    low, high = (bound / base["mean"] for bound in record.difference(row["val_mse"], base["val_mse"]))
    verdict = "" if record.told_apart(row["val_mse"], base["val_mse"]) else ", not told apart"
    return f"{(low + high) / 2:+.1%} ± {(high - low) / 2:.1%}{verdict}"


def table(recorded: dict) -> str:
    """The record as Markdown."""
    rows = recorded["rows"]
    (base,) = (row for row in rows if row["change"] == BASE)
    most = record.of_most(rows)
    lines = [f"*{recorded['what']}. {most['machine']}, {most['date']}.*", "",
             "| what is changed | validation MSE | against StrongDenoiser | seconds | million multiply-adds |",
             "|---|---|---|---|---|"]  # fmt: skip
    for row in rows:
        lost = [mse for mse in row["val_mse"] if mse > 2 * statistics.median(row["val_mse"])]
        note = f" ({len(lost)} of {SEEDS} starts ended at {lost[0]:.4f})" if lost else ""
        lines.append(
            f"| {row['change']} | {row['mean']:.5f} ± {row['spread']:.5f}{note} | {against(row, base)} | "
            f"{row['seconds']:.1f} | {row['multiply_adds'] / 1e6:.1f} |"
        )
    others = record.of_others(rows, lambda row: row["change"])
    return "\n".join([*lines, *(line for other in others for line in ("", other))]) + "\n"


def measure(name: str, digits) -> dict:
    """One row of the record: five starts, on this machine, now."""
    make, options = CHANGES[name]
    runs = [run(digits, make, seed, **options) for seed in range(SEEDS)]
    mses = [mse for mse, _ in runs]
    return {
        "change": name, **record.here_and_now(),
        "val_mse": mses, "mean": statistics.mean(mses), "spread": statistics.stdev(mses),
        "seconds": statistics.median(seconds for _, seconds in runs),
        "parameters": du.count_parameters(make()), "multiply_adds": du.multiply_adds(make()),
    }  # fmt: skip


def store(rows: list[dict]) -> None:
    """Write record and table, and the table anew where a lesson shows it."""
    what = f"{STEPS} steps of {BATCH}, {SEEDS} seeds, 4,000 embedded digits; MSE of 500 validation digits"
    recorded = {"what": what, "rows": sorted(rows, key=lambda row: list(CHANGES).index(row["change"]))}
    old, new = TABLE.read_text(encoding="utf-8").strip(), table(recorded)
    RECORD.write_text(json.dumps(recorded, indent=1) + "\n")
    TABLE.write_text(new, encoding="utf-8")
    for path in NOTEBOOKS.glob("[0-9]*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        shown = [cell for cell in notebook.cells if old in cell.source]
        for cell in shown:
            cell.source = cell.source.replace(old, new.strip())
        if shown:
            nbformat.write(notebook, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="measure only these anew, such as 'AdamW'; default: all")
    chosen = parser.parse_args().rows or list(CHANGES)
    if unknown := [name for name in chosen if name not in CHANGES]:
        parser.error(f"no row {', '.join(unknown)} in CHANGES. There are: {', '.join(CHANGES)}")
    digits = du.load_digits("mnist5k")
    rows = {row["change"]: row for row in json.loads(RECORD.read_text())["rows"] if row["change"] in CHANGES}
    for name in chosen:
        rows[name] = measure(name, digits)
        print("{change:38} {mean:.5f} ± {spread:.5f}  {seconds:.1f} s".format(**rows[name]), flush=True)
    store(list(rows.values()))


if __name__ == "__main__":
    main()
