"""Our training beside the tutorial's and others', on one machine in one run: ``make bench`` (3 minutes) or
``make bench FULL=1`` (an hour and more; leave the machine alone meanwhile).

Every method runs in a process of its own, so that its peak memory is its own. The clock counts training only: it stops while
test images are measured. MNIST's 55,000 training and 10,000 test images where they are at hand, else the embedded digits.
It writes ``benchmarks/results/bench.json`` (in the short run ``bench_quick.json``, which git leaves out), which
``benchmarks/chart.py`` draws. ``make bench ROW=dncnn`` measures only the rows of one network or rival for bench.json, as
the full run does; the table says where and when, since seconds of another machine or day cannot be compared.
"""

import argparse
import json
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import record
import torch
from rivals import RIVALS
from torch import nn

import denoise_utils as du
from denoise_utils.training import default_batch_size

RESULTS = Path(__file__).parent / "results"
NOISE = du.GaussianNoise(0.5, clip=True)
MARK = 0.0241  # the tutorial's test MSE after its 20 epochs, in the best of three runs
NETWORKS = {
    "TinyDenoiser": du.TinyDenoiser,
    "StrongDenoiser": du.StrongDenoiser,
    "UDenoiser(32, 3, side=28)": lambda: du.UDenoiser(32, 3, side=28),
}


def test_mse(denoiser, digits, images: int = 10_000) -> float:
    return du.evaluate(denoiser, digits.test.images[:images], NOISE).mse


def fit(network: str, digits, seed: int, **length) -> tuple[nn.Module, du.training.History]:
    """Our own way, with the default recipe."""
    torch.manual_seed(seed)
    model = NETWORKS[network]()
    return model, du.fit(model, digits.train.images, NOISE, seed=seed, device="cpu", progress=False, **length)


def epochs_within(network: str, digits, seconds: float) -> float:
    """How many epochs so many seconds allow here: found by training, since the schedule must know its end."""
    images, count = 320.0, len(digits.train.images)
    for _ in range(3):
        batch = default_batch_size(images)
        _, trial = fit(network, digits, 99, epochs=min(images, 100 * batch) / count, batch_size=batch)
        images = seconds * trial.images_per_second
    return images / count


def budget(digits, network: str, seconds: float, seeds: int) -> dict:
    """Test MSE after a given time of training, over seeds."""
    epochs = epochs_within(network, digits, seconds)
    runs = [fit(network, digits, seed, epochs=epochs) for seed in range(seeds)]
    return {
        "network": network,
        "epochs": epochs,
        "steps": runs[0][1].steps,
        "seconds": [history.seconds for _, history in runs],
        "images_per_second": statistics.mean(history.images_per_second for _, history in runs),
        "test_mse": [test_mse(model, digits) for model, _ in runs],
    }


def time_to_mark(digits, seeds: int) -> dict:
    """The fewest steps after which validation images are below the mark with every seed; then the test images."""
    for steps in range(8, 100, 2):
        runs = [fit("TinyDenoiser", digits, seed, steps=steps) for seed in range(seeds)]
        if all(du.evaluate(model, digits.val.images, NOISE).mse < MARK for model, _ in runs):
            break
    else:
        raise RuntimeError(f"{steps} steps do not bring every seed below {MARK}: is the training broken?")
    return {
        "network": "TinyDenoiser",
        "mark": MARK,
        "steps": steps,
        "seconds": [history.seconds for _, history in runs],
        "test_mse": [test_mse(model, digits) for model, _ in runs],
    }


def matrix(digits, copies: int) -> dict:
    start = time.perf_counter()
    denoiser = du.LinearDenoiser(digits.train.images, NOISE, copies=copies)
    return {"seconds": [time.perf_counter() - start], "test_mse": [test_mse(denoiser, digits)]}


def rival(digits, name: str, limit: float) -> dict:
    """Another recipe, for at most so many seconds, measured on 1,000 images at marks and epochs' ends, on all at its end."""
    torch.manual_seed(0)
    model, steps, epochs = RIVALS[name](torch.cat([digits.train.images, digits.val.images]))  # they keep none back
    marks = [mark for mark in (1, 10, 60, 600) if mark < limit]
    curve, seconds, seen, start = [], 0.0, 0, time.perf_counter()
    for epoch, images in steps:  # each takes one step, and says which epoch it belongs to
        seen += images
        now = seconds + time.perf_counter() - start
        new_epoch = bool(curve) and epoch > curve[-1]["epoch"]
        if new_epoch or (marks and now >= marks[0]) or now >= limit:
            marks = [mark for mark in marks if mark > now]
            curve.append({"epoch": epoch, "seconds": now, "first_1000_mse": test_mse(model.eval(), digits, 1000)})
            if now >= limit or epoch >= epochs:
                break
            model.train()
            seconds, start = now, time.perf_counter()
    tested = min(10_000 if limit > 60 else 1000, len(digits.test.images))
    return {
        "curve": curve,
        "seconds": [now],
        "test_mse": [test_mse(model, digits, tested)],
        "test_images": tested,
        "images_per_second": seen / now,
        "parameters": du.count_parameters(model),
        "multiply_adds": du.multiply_adds(model),
    }


def growth(digits, images: int) -> dict:
    """One epoch of so many images: how time and memory grow."""
    chosen = digits.train.images[:images]
    history = du.fit(du.TinyDenoiser(), chosen, NOISE, epochs=1, batch_size=32, device="cpu", progress=False)
    return {"images": len(chosen), "seconds": history.seconds}


def peak_gflops() -> float:
    """What this machine does in a large matrix product: the best of twenty."""
    a = torch.randn(1024, 1024)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(10):
            a @ a
        times.append((time.perf_counter() - start) / 10)
    return 2 * 1024**3 / min(times) / 1e9


def plan(full: bool) -> list[tuple[str, dict]]:
    """Every measurement: the function and its arguments. Short and full run take the same paths."""
    seeds = 5 if full else 2
    jobs = [("time_to_mark", {"seeds": seeds})]
    jobs += [("matrix", {"copies": copies}) for copies in ((1, 10) if full else (1,))]
    for network, seconds in (
        [("TinyDenoiser", s) for s in (0.1, 0.25, 1, 10, 60)] + [("StrongDenoiser", s) for s in (1, 10, 60, 600)]
        + [("UDenoiser(32, 3, side=28)", 600)]
        if full
        else [("TinyDenoiser", s) for s in (0.25, 1)] + [("StrongDenoiser", 10)]
    ):  # fmt: skip
        few = 1 if seconds > 100 else 3 if seconds > 10 else seeds
        jobs.append(("budget", {"network": network, "seconds": seconds, "seeds": few}))
    jobs += [("growth", {"images": n}) for n in ((1000, 4000, 16000, 55000) if full else (1000, 4000))]
    limits = {"tutorial": 3600, "keras": 300, "dncnn": 300} if full else dict.fromkeys(RIVALS, 8)
    return jobs + [("rival", {"name": name, "limit": limits[name]}) for name in RIVALS]


MEASUREMENTS = {function.__name__: function for function in (time_to_mark, matrix, budget, growth, rival)}


def title(name: str, arguments: dict) -> str:
    """What a measurement is of: a network, a rival, or what is measured."""
    return arguments.get("network") or arguments.get("name") or name


def one(name: str, arguments: dict) -> dict:
    """Run one measurement here. Called in a process of its own."""
    digits = du.load_digits()
    result = MEASUREMENTS[name](digits, **arguments)
    return {"what": name, "arguments": arguments, **record.here_and_now(), **result, "peak_mb": peak_mb()}


def measure(jobs: list[tuple[str, dict]]) -> list[dict]:
    """Each measurement in a process of its own, one after another."""
    results = []
    for number, (name, arguments) in enumerate(jobs, 1):
        print(f"[{number}/{len(jobs)}] {name} {arguments} ", end="", flush=True)
        command = [sys.executable, __file__, "--one", name, json.dumps(arguments)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        results.append(json.loads(done.stdout.splitlines()[-1]))
        print({k: v for k, v in results[-1].items() if k in ("seconds", "test_mse", "steps", "peak_mb")}, flush=True)
    return results


def peak_mb() -> int | None:
    """The peak memory of this process, the digits included. (``resource`` would count what its parent had.)"""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    return round(int(re.search(r"VmHWM:\s*(\d+)", status.read_text())[1]) * 1024 / 1e6)


def networks() -> dict[str, dict]:
    return {
        name: {"parameters": du.count_parameters(make()), "multiply_adds": du.multiply_adds(make())}
        for name, make in NETWORKS.items()
    }


def write(recorded: dict, path: Path) -> None:
    path.write_text(json.dumps(recorded, indent=1) + "\n")
    print(f"{path.relative_to(RESULTS.parents[1])} written")


def renew(rows: str, path: Path = RESULTS / "bench.json") -> None:
    """Measure what is called so, and store it in the record of the full run."""
    recorded, jobs = json.loads(path.read_text()), plan(full=True)
    chosen = [job for job in jobs if title(*job) == rows]
    if not chosen:
        sys.exit(f"no row {rows} in the full run. There are: {', '.join(dict.fromkeys(title(*job) for job in jobs))}")
    digits = du.load_digits()
    if not recorded["data"].startswith(f"{digits.name}:"):
        sys.exit(f"the record is of {recorded['data']}; here is {digits!r}")
    found = {(row["what"], str(row["arguments"])): row for row in recorded["results"] + measure(chosen)}
    recorded["results"] = [found[name, str(arguments)] for name, arguments in jobs if (name, str(arguments)) in found]
    recorded["networks"] = networks()
    write(recorded, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the whole hour and more instead of three minutes")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "ARGUMENTS"), help=argparse.SUPPRESS)
    parser.add_argument("--row", help="measure only this for bench.json, such as dncnn")
    options = parser.parse_args()
    if options.row:
        return renew(options.row)
    if options.one:
        print(json.dumps(one(options.one[0], json.loads(options.one[1]))))
        return
    begun, digits = time.perf_counter(), du.load_digits()
    recorded = {
        "what": f"{'full' if options.full else 'quick'} benchmark: ways to train a denoiser, measured on test images",
        "data": f"{digits.name}: {len(digits.train.images):,} train, {len(digits.test.images):,} test",
        **record.here_and_now(), "python": platform.python_version(), "peak_gflops": round(peak_gflops(), 1),
        "networks": networks(), "results": measure(plan(options.full)),
    }  # fmt: skip
    recorded["seconds"] = round(time.perf_counter() - begun)
    write(recorded, RESULTS / ("bench.json" if options.full else "bench_quick.json"))


if __name__ == "__main__":
    main()
