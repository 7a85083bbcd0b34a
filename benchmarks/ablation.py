"""Where the strong network's gains come from: one change at a time, five starts each, judged on validation images.

Run: ``make ablation`` (seven minutes on two cores; embedded digits, no download). It writes
``benchmarks/results/ablation.json`` and, as the table that lesson 06 shows, ``ablation.md``. To try an idea of your own,
add a line to ``CHANGES`` and run it alone: ``python benchmarks/ablation.py "your line"``.
"""

import argparse
import json
import statistics
from datetime import date
from pathlib import Path

import torch
from scipy import stats
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tutorial import machine

import denoise_utils as du

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


STRONG = du.StrongDenoiser
CHANGES = {  # name: (network, options of fit)
    "the tutorial's network, Adam at 0.001": (du.ConvDenoiser, {"optimizer": "adamw", "lr": 1e-3, "schedule": "constant"}),
    "the tutorial's network, our recipe": (du.ConvDenoiser, {}),
    "TinyDenoiser, our recipe": (du.TinyDenoiser, {}),
    "StrongDenoiser, our recipe": (STRONG, {}),
    "no skip connection": (NoSkip, {}),
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
    """The difference of two means over starts in per cent of the base, with its 95 % interval (Welch 1947, by scipy)."""
    if row is base:
        return ""
    interval = stats.ttest_ind(row["val_mse"], base["val_mse"], equal_var=False).confidence_interval(0.95)
    low, high = (bound / base["mean"] for bound in interval)
    verdict = "" if low > 0 or high < 0 else ", not told apart"
    return f"{(low + high) / 2:+.1%} ± {(high - low) / 2:.1%}{verdict}"


def table(record: dict) -> str:
    """The record as Markdown."""
    (base,) = (row for row in record["rows"] if row["change"] == "StrongDenoiser, our recipe")
    lines = [f"*{record['what']}. {record['machine']}, {record['date']}.*", "",
             "| what is changed | validation MSE | against StrongDenoiser | seconds | million multiply-adds |",
             "|---|---|---|---|---|"]  # fmt: skip
    for row in record["rows"]:
        lost = [mse for mse in row["val_mse"] if mse > 2 * statistics.median(row["val_mse"])]
        note = f" ({len(lost)} of {SEEDS} starts ended at {lost[0]:.4f})" if lost else ""
        lines.append(
            f"| {row['change']} | {row['mean']:.5f} ± {row['spread']:.5f}{note} | {against(row, base)} | "
            f"{row['seconds']:.1f} | {row['multiply_adds'] / 1e6:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="measure only these anew, such as 'AdamW'; default: all")
    chosen = parser.parse_args().rows or list(CHANGES)
    results = Path(__file__).with_name("results")
    digits, rows = du.load_digits("mnist5k"), []
    if set(chosen) != set(CHANGES):
        rows = [
            row for row in json.loads((results / "ablation.json").read_text())["rows"] if row["change"] not in chosen
        ]
    for name in chosen:
        make, options = CHANGES[name]
        runs = [run(digits, make, seed, **options) for seed in range(SEEDS)]
        mses = [mse for mse, _ in runs]
        rows.append({
            "change": name, "val_mse": mses, "mean": statistics.mean(mses), "spread": statistics.stdev(mses),
            "seconds": statistics.median(seconds for _, seconds in runs),
            "parameters": du.count_parameters(make()), "multiply_adds": du.multiply_adds(make()),
        })  # fmt: skip
        print(f"{name:38} {rows[-1]['mean']:.5f} ± {rows[-1]['spread']:.5f}  {rows[-1]['seconds']:.1f} s", flush=True)
    record = {"what": f"{STEPS} steps of {BATCH}, {SEEDS} seeds, 4,000 embedded digits; MSE of 500 validation digits",
              "machine": machine(), "date": str(date.today()), "torch": torch.__version__.split("+")[0],
              "rows": sorted(rows, key=lambda row: list(CHANGES).index(row["change"]))}  # fmt: skip
    (results / "ablation.json").write_text(json.dumps(record, indent=1) + "\n")
    (results / "ablation.md").write_text(table(record), encoding="utf-8")


if __name__ == "__main__":
    main()
