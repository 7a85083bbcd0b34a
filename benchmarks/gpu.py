"""What a GPU makes of it: the record that lesson 04c shows beside a learner's own figures. ``make gpu``: below 8 minutes.

It needs torch (2.11 or newer), numpy and this repository, and neither the network nor an installation:

    PYTHONPATH=. python3 benchmarks/gpu.py --out somewhere/gpu.json

Each part has a share of the time, writes each row as soon as it has it, and says in the record what went wrong, if something
did; the other parts go on. ``--device cpu`` takes the same way without a GPU, into ``gpu_cpu.json``, which git leaves out.
``--tables`` measures nothing: it writes ``gpu.md`` and the lesson's tables anew from ``gpu.json``.
"""

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
import tomllib
import types
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib import machinery, metadata, util
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent


def make_importable() -> None:
    """A checkout on a bare machine: nobody installed it, so its version is unknown; and the progress bar may be missing."""
    try:
        metadata.version("denoise_utils")
    except metadata.PackageNotFoundError:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        folder = Path(tempfile.mkdtemp(), f"denoise_utils-{project['version']}.dist-info")
        folder.mkdir()
        about = f"Metadata-Version: 2.1\nName: denoise_utils\nVersion: {project['version']}\n"
        (folder / "METADATA").write_text(about, encoding="utf-8")
        sys.path += [str(folder.parent), str(ROOT)]
    if sys.modules.get("tqdm", util) is None or not util.find_spec("tqdm"):
        silent = {
            "__init__": lambda self, **options: None,
            "update": lambda self: False,
            "set_postfix": lambda *_: None,
        }
        silent |= {"__enter__": lambda self: self, "__exit__": lambda *_: None}
        sys.modules["tqdm"] = types.ModuleType("tqdm")
        sys.modules["tqdm"].__spec__ = machinery.ModuleSpec("tqdm", None)  # torch.compile asks for it
        sys.modules["tqdm"].tqdm = type("tqdm", (), silent)


make_importable()
import record  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.utils.checkpoint import checkpoint_sequential  # noqa: E402
from torch.utils.data import DataLoader, Dataset, TensorDataset  # noqa: E402

import denoise_utils as du  # noqa: E402

RECORD, ON_CPU, TABLE = (HERE / "results" / name for name in ("gpu.json", "gpu_cpu.json", "gpu.md"))
LESSON = ROOT / "notebooks" / "04c_gpu_training.ipynb"
NOISE = du.GaussianNoise(0.5, clip=True)
COMPILING = 40  # seconds that have to be left before something is compiled
PAUSE = 0.05  # seconds that one measurement of a step lasts at least


class Bench:
    """One part's device, digits and time."""

    def __init__(self, device: str, seconds: float):
        self.device, self.end = torch.device(device), time.perf_counter() + seconds
        self.cuda = self.device.type == "cuda"
        self.devices = [torch.device("cpu")] + [self.device] * (self.device.type != "cpu")
        try:
            self.digits = du.load_digits()
        except ImportError:  # the whole of MNIST is read with torchvision
            self.digits = du.load_digits("mnist5k")

    def left(self) -> float:
        return self.end - time.perf_counter()

    def require_time(self) -> None:
        if self.left() < 0:
            raise TimeoutError("its time was over")

    def wait(self) -> None:
        """Until the device has done what it was told: only then a clock may be read."""
        if self.cuda:
            torch.cuda.synchronize()

    def seconds(self, do: Callable[[], object], blocks: int = 5) -> float:
        """Of one call: the median of several blocks of calls, after a warm-up. Each block waits once, at its end."""
        self.require_time()
        do(), do(), self.wait()
        start = time.perf_counter()
        do(), self.wait()
        calls, found = max(1, round(PAUSE / (time.perf_counter() - start))), []
        while len(found) < blocks and (not found or self.left() > 0):
            start = time.perf_counter()
            for _ in range(calls):
                do()
            self.wait()
            found.append((time.perf_counter() - start) / calls)
        return statistics.median(found)

    def pair(self, size: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
        """So many clean and noisy pictures there. From 4,000 on they are the same ones again."""
        images = self.digits.train.images[:4000]
        clean = du.to_float(images[torch.arange(size) % len(images)]).to(device or self.device)
        return clean, NOISE(clean)

    def step(self, network: Callable[[], nn.Module], size: int, device: torch.device | None = None, **options):
        """A training step that can be repeated, as a function."""
        torch.manual_seed(0)
        model = network().to(device or self.device, memory_format=torch.channels_last)
        clean, noisy = self.pair(size, device)
        optimizers = du.make_optimizers(model)
        return lambda: du.train_step(model, clean, noisy, optimizers, **options)

    def sizes(self, *all_sizes: int) -> tuple[int, ...]:
        """The batches that are tried: without a GPU not the largest, which would take minutes."""
        return tuple(size for size in all_sizes if self.cuda or size <= 256)

    def mse(self, model: nn.Module) -> float:
        return du.evaluate(model.eval(), self.digits.val.images[:500], NOISE).mse


# ---- the parts: each yields its rows ----


def clock(bench: Bench) -> Iterator[dict]:
    """A matrix product, by a clock that does not wait, and by one that does."""
    side = 8192 if bench.cuda else 512
    a = torch.randn(side, side, device=bench.device)
    ways = {
        f"a matrix product, {side:,} × {side:,}": lambda: a @ a,
        "a step of StrongDenoiser, 1,024 pictures": bench.step(du.StrongDenoiser, bench.sizes(64, 1024)[-1]),
    }
    for what, do in ways.items():
        bench.require_time()
        do(), bench.wait()
        start = time.perf_counter()
        do()
        returned = time.perf_counter() - start
        bench.wait()
        yield {"what": what, "returned_ms": returned * 1e3, "finished_ms": (time.perf_counter() - start) * 1e3}


def step(bench: Bench) -> Iterator[dict]:
    """The parts of a training step, each measured with a wait at its end."""
    for size in bench.sizes(32, 256, 1024):
        for device in bench.devices if size <= 256 else bench.devices[-1:]:
            bench.require_time()
            rounds = [stages(Bench(str(device), bench.left()), size) for _ in range(2)]
            yield {"batch_size": size, "device": device.type, "ms": rounds[-1]}


def stages(bench: Bench, size: int, rounds: int = 8) -> dict[str, float]:
    """Milliseconds of each part of a step, the median of several."""
    torch.manual_seed(0)
    model = du.TinyDenoiser().to(bench.device, memory_format=torch.channels_last)
    images, generator = bench.digits.train.images[:4000].to(bench.device), torch.Generator(bench.device).manual_seed(0)
    optimizers = du.make_optimizers(model)

    def update():
        for one in optimizers:
            one.step()
            one.zero_grad()

    found = {"data": [], "noise": [], "forward": [], "backward": [], "optimizer": []}
    for _ in range(rounds):

        def timed(name, do):
            start = time.perf_counter()
            result = do()
            bench.wait()
            found[name].append((time.perf_counter() - start) * 1e3)
            return result

        index = torch.randint(len(images), (size,), generator=generator, device=bench.device)
        clean = timed("data", lambda: du.to_float(images[index]))  # noqa: B023
        noisy = timed("noise", lambda: NOISE(clean, generator))  # noqa: B023
        loss = timed("forward", lambda: F.mse_loss(model(noisy), clean))  # noqa: B023
        timed("backward", loss.backward)
        timed("optimizer", update)
    return {name: statistics.median(times[2:]) for name, times in found.items()}


def transfer(bench: Bench) -> Iterator[dict]:
    """The pictures' way to the device, and what it does to a training: images a second."""
    size = 256
    pageable = torch.rand(size, 1, 28, 28)
    ways = {"256 float pictures": pageable}
    if bench.cuda:
        ways["256 float pictures, pinned"] = pageable.pin_memory()
    ways["256 pictures as bytes"] = (pageable * 255).to(torch.uint8)
    for what, tensor in ways.items():
        seconds = bench.seconds(lambda: tensor.to(bench.device, non_blocking=True, copy=True))  # noqa: B023
        yield {"what": what, "µs": seconds * 1e6, "GB_per_s": tensor.nbytes / seconds / 1e9}
    images = bench.digits.train.images[:4000]

    def train_on(batches):
        bench.require_time()
        model = du.TinyDenoiser().to(bench.device, memory_format=torch.channels_last)
        optimizers = du.make_optimizers(model)
        for _ in range(2):  # the second pass counts: workers have started, all is warm
            start, seen = time.perf_counter(), 0
            for clean in batches():
                clean = du.to_float(clean.to(bench.device, non_blocking=True))
                du.train_step(model, clean, NOISE(clean), optimizers)
                seen += len(clean)
            bench.wait()
        return {"images_per_second": seen / (time.perf_counter() - start)}

    on_device = images.to(bench.device)
    yield {"what": "training, pictures on the device", **train_on(lambda: on_device.split(size))}
    yield {"what": "training, a tensor, each batch copied", **train_on(lambda: images.split(size))}
    for workers in (0, 2, 4, 8) if bench.cuda else (0, 2):
        if bench.left() < 2 and workers:
            yield {"what": f"training, loader with {workers} workers", "note": "left out, no time"}
            continue
        options = {"num_workers": workers, "persistent_workers": workers > 0, "pin_memory": bench.cuda}
        loader = DataLoader(SinglePictures(images), batch_size=size, **options)
        yield {"what": f"training, loader with {workers} workers", **train_on(lambda: loader)}  # noqa: B023


class SinglePictures(Dataset):
    """Picture by picture, as tutorials have it."""

    def __init__(self, images: Tensor):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return du.to_float(self.images[index])


def crossover(bench: Bench) -> Iterator[dict]:
    """Images a second of the training step, by batch size, on the processor and on the GPU."""
    for name, network in {"TinyDenoiser": du.TinyDenoiser, "StrongDenoiser": du.StrongDenoiser}.items():
        for size in bench.sizes(1, 4, 16, 64, 256, 1024, 4096):
            for device in bench.devices:
                if device.type == "cpu" and size > 1024:
                    continue
                here = Bench(str(device), bench.left())
                seconds = here.seconds(here.step(network, size, device), blocks=3)
                yield {"network": name, "batch_size": size, "device": device.type, "images_per_second": size / seconds}


def precisions(bench: Bench) -> dict[str, tuple[bool, torch.dtype | None]]:
    """name → (TF32 allowed, the type of autocast)."""
    kinds = {"float32": (False, None), "TF32": (True, None), "bfloat16": (True, torch.bfloat16)}
    return kinds | {"float16, loss scaled": (True, torch.float16)} if bench.cuda else kinds


def allow_tf32(products: bool, convolutions: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = products, convolutions


def precise_step(model: nn.Module, optimizers: list, dtype: torch.dtype | None):
    """A step in this precision: (clean, noisy) → loss. float16 with a scaled loss."""
    device = next(model.parameters()).device.type
    scaler = torch.amp.GradScaler(device, enabled=dtype == torch.float16)

    def take(clean, noisy):
        with torch.autocast(device, dtype) if dtype else nullcontext():
            denoised = model(noisy)
        loss = F.mse_loss(denoised.float(), clean)
        for one in optimizers:
            one.zero_grad()
        scaler.scale(loss).backward()
        for one in optimizers:
            scaler.step(one)
        scaler.update()
        return loss

    return take


def precision(bench: Bench) -> Iterator[dict]:
    """Speed of a large matrix product and of a step, and the error after 120 steps, in each precision."""
    side, size = (8192, 1024) if bench.cuda else (512, 32)
    usual = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32  # the other parts calculate so
    try:
        for name, (tf32, dtype) in precisions(bench).items():
            allow_tf32(tf32, tf32)
            a = torch.randn(side, side, device=bench.device, dtype=dtype)
            row = {"precision": name, "batch_size": size, "TFLOPS": 2 * side**3 / bench.seconds(lambda: a @ a) / 1e12}  # noqa: B023
            torch.manual_seed(0)
            model = du.StrongDenoiser().to(bench.device, memory_format=torch.channels_last)
            take, pair = precise_step(model, du.make_optimizers(model), dtype), bench.pair(size)
            row["ms"] = bench.seconds(lambda: take(*pair)) * 1e3  # noqa: B023
            torch.manual_seed(0)
            model = du.TinyDenoiser().to(bench.device, memory_format=torch.channels_last)
            take = precise_step(model, optimizers := du.make_optimizers(model), dtype)
            images, generator = bench.digits.train.images.to(bench.device), du.stream(0, "training", None, bench.device)
            batches = du.batches(images, 32, generator)
            steps = [one for _, one in zip(range(120), batches)]
            for clean in du.optimizers.scheduled(steps, optimizers, len(steps)):
                take(clean, NOISE(clean, generator))
            yield row | {"steps": len(steps), "val_mse": bench.mse(model)}
    finally:
        allow_tf32(*usual)


def adamw(model: nn.Module, capturable: bool = False) -> torch.optim.Optimizer:
    """capturable: for a CUDA graph. Without one it may slow a step, and torch warns."""
    options = {"fused": du.optimizers.FUSED, "capturable": capturable}
    return torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0, **options)


# What a processor calls to start work on a GPU: a kernel, a whole graph of them, a copy, a filling with zeros
LAUNCHES = tuple(f"{api}{what}" for api in ("cuda", "cu") for what in ("Launch", "GraphLaunch", "Memcpy", "Memset"))


def started(bench: Bench, do: Callable[[], object]) -> dict[str, int]:
    """How often the processor starts something on the GPU in a step; without a GPU, how many operators Python calls. Empty
    if the profiler saw no launch: then it has no access to the driver's events."""
    kinds = [torch.profiler.ProfilerActivity.CPU] + [torch.profiler.ProfilerActivity.CUDA] * bench.cuda
    do(), bench.wait()
    with torch.profiler.profile(activities=kinds) as profiler:
        do(), bench.wait()
    events = profiler.events()
    if bench.cuda:  # counted where they are called: on the GPU's side a graph shows each of its kernels
        count = sum(1 for one in events if one.name.startswith(LAUNCHES))
    else:
        aten = [one for one in events if one.name[:6] == "aten::"]
        count = sum(1 for one in aten if getattr(one.cpu_parent, "name", "")[:6] != "aten::")
    return {"started": count} if count else {}


def launches(bench: Bench) -> Iterator[dict]:
    """TinyDenoiser with AdamW and batches of 32: what it costs to start the many small operations, and two ways out."""
    clean, noisy = bench.pair(32)

    def step_of(model, optimizer):
        def take():
            optimizer.zero_grad()  # first: a graph writes its gradients anew where the old ones are
            F.mse_loss(model(noisy), clean).backward()
            optimizer.step()

        return take

    def fresh():
        torch.manual_seed(0)
        return du.TinyDenoiser().to(bench.device, memory_format=torch.channels_last)

    model = fresh()
    do = step_of(model, adamw(model))
    yield {"what": "eager", "ms": bench.seconds(do) * 1e3} | started(bench, do)
    if bench.cuda:
        model = fresh()
        do, side = step_of(model, adamw(model, capturable=True)), torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # warmed up on another stream, as PyTorch's notes on CUDA graphs ask for
            for _ in range(3):
                do()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            do()
        yield {"what": "CUDA graph", "ms": bench.seconds(graph.replay) * 1e3} | started(bench, graph.replay)
    else:
        yield {"what": "CUDA graph", "note": "only on a GPU"}
    for name, options in {"torch.compile": {}, "torch.compile, reduce-overhead": {"mode": "reduce-overhead"}}.items():
        if bench.left() < COMPILING:
            yield {"what": name, "note": f"left out: fewer than {COMPILING} s were left"}
            continue
        from torch._inductor.utils import fresh_inductor_cache  # takes seconds, and is needed only here

        torch.compiler.reset()
        with fresh_inductor_cache():  # else it would find what was compiled before, on this machine's disk too
            model = fresh()
            do, start = step_of(torch.compile(model, **options), adamw(model)), time.perf_counter()
            do(), bench.wait()
            row = {"what": name, "compiling_s": time.perf_counter() - start, "ms": bench.seconds(do) * 1e3}
            row |= started(bench, do)
        yield row


def memory(bench: Bench) -> Iterator[dict]:
    """Bytes that a step of StrongDenoiser holds, whole, in four pieces, and with activations calculated twice."""
    size = bench.sizes(64, 1024)[-1]
    clean, noisy = bench.pair(size)
    torch.manual_seed(0)
    model = du.StrongDenoiser().to(bench.device)

    def whole(parts=1):
        for x, y in zip(noisy.chunk(parts), clean.chunk(parts), strict=True):
            (F.mse_loss(model(x), y) / parts).backward()

    def twice():
        rest = lambda x: x + model.up(model.bottom(model.down(x)))  # noqa: E731
        layers = nn.ModuleList([model.into, model.before, Called(rest), model.after, model.out])
        F.mse_loss(checkpoint_sequential(list(layers), 5, noisy, use_reentrant=False), clean).backward()

    held = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: (held.append(tensor), tensor)[1], lambda tensor: tensor
    ):
        loss = F.mse_loss(model(noisy), clean)
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in held}
    held_mb = {"held_MB": sum(storages.values()) / 1e6}
    del loss
    held.clear()
    for what, do in {"whole": whole, "in four pieces": lambda: whole(4), "activations twice": twice}.items():
        do(), bench.wait()
        row = {"what": f"{what}, {size:,} pictures"} | (held_mb if what == "whole" else {})
        if bench.cuda:
            before = torch.cuda.memory_allocated()
            torch.cuda.reset_peak_memory_stats()
            do(), bench.wait()
            row["peak_MB"] = (torch.cuda.max_memory_allocated() - before) / 1e6
        yield row | {"ms": bench.seconds(do, 3) * 1e3}


class Called(nn.Module):
    """A function as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]):
        super().__init__()
        self.forward = function


def ladder(bench: Bench) -> Iterator[dict]:
    """Lesson 04b's ladder, on the processor and on the GPU: 4,000 pictures, each seen once."""
    images = bench.digits.train.images[:4000]

    def tutorials_way(model, device):
        optimizer = torch.optim.Adam(model.to(device).parameters(), lr=0.001)
        for (clean,) in DataLoader(TensorDataset(du.to_float(images)), batch_size=20):
            clean = clean.to(device)
            loss = F.mse_loss(model(NOISE(clean)), clean)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def fit(**options):
        options = {"optimizer": "adamw", "schedule": "constant", "batch_size": 20, "progress": False, **options}
        return lambda model, device: du.fit(model, images, NOISE, device=device, **options)

    rungs = {
        "0 the tutorial's way": (du.ConvDenoiser, tutorials_way),
        "1 no loader": (du.ConvDenoiser, fit(lr=0.001)),
        "2 U shape": (du.TinyDenoiser, fit(lr=0.001)),
        "3 higher rate": (du.TinyDenoiser, fit(lr=0.004)),
        "4 Muon": (du.TinyDenoiser, fit(lr=0.025, optimizer="muon")),
        "5 one cycle": (du.TinyDenoiser, fit(lr=0.05, optimizer="muon", schedule="one-cycle")),
        "5, with batches of 64": (du.TinyDenoiser, fit(lr=0.05, optimizer="muon", schedule="one-cycle", batch_size=64)),
        "5, with StrongDenoiser": (du.StrongDenoiser, fit(lr=0.05, optimizer="muon", schedule="one-cycle")),
    }
    for device in bench.devices:
        here = Bench(str(device), bench.left())
        du.fit(du.TinyDenoiser(), images, NOISE, steps=3, device=device, progress=False)  # a warm-up
        for rung, (network, train) in rungs.items():
            bench.require_time()
            torch.manual_seed(0)
            model = network()
            here.wait()
            start = time.perf_counter()
            train(model, device)
            here.wait()
            seconds = time.perf_counter() - start
            yield {"rung": rung, "device": device.type, "seconds": seconds, "val_mse": here.mse(model)}


def marks(bench: Bench) -> Iterator[dict]:
    """How long to an MSE of 0.0241 and of 0.0090: the shortest training, of a doubling series, that is below the mark on the
    validation pictures from every start; then the test pictures."""
    digits = bench.digits
    tried = {
        0.0241: (du.TinyDenoiser, 16, (6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32)),
        0.0090: (du.StrongDenoiser, 64, (200, 400, 800, 1600, 3200, 6400)),
    }
    for mark, (network, size, lengths) in tried.items():
        row = {"mark": mark, "network": network.__name__, "batch_size": size}
        for device in bench.devices if mark > 0.02 else bench.devices[-1:]:
            du.fit(network(), digits.train.images, NOISE, steps=3, batch_size=size, device=device, progress=False)
            last, found = 0.0, {}
            for steps in lengths:
                if 3 * 2 * last > bench.left():
                    break
                runs = []
                for seed in range(3):
                    torch.manual_seed(seed)
                    model = network()
                    options = {"steps": steps, "batch_size": size, "seed": seed, "device": device, "progress": False}
                    runs.append((model, du.fit(model, digits.train.images, NOISE, **options)))
                last = runs[0][1].seconds
                vals = [du.evaluate(model, digits.val.images, NOISE).mse for model, _ in runs]
                found = {"device": device.type, "steps": steps, "val_mse": vals, "reached": max(vals) < mark}
                found["seconds"] = [history.seconds for _, history in runs]
                if found["reached"]:
                    found["test_mse"] = [du.evaluate(model, digits.test.images, NOISE).mse for model, _ in runs]
                    break
            if found:
                yield row | found


PARTS = {  # its share of the time, and what the record says of it
    clock: (0.02, "a clock that does not wait, and one that does"),
    step: (0.06, "the parts of a step of TinyDenoiser, in milliseconds"),
    transfer: (0.14, "the pictures' way to the GPU"),
    crossover: (0.14, "images a second in training, by batch size"),
    precision: (
        0.1,
        "a large matrix product and a step of StrongDenoiser, by precision; and TinyDenoiser after 120 steps",
    ),
    launches: (0.22, "a step of TinyDenoiser with 32 pictures"),
    memory: (0.05, "memory of a step of StrongDenoiser"),
    ladder: (0.1, "the ladder of lesson 04b"),
    marks: (0.17, "how long to a test MSE of 0.0241 and of 0.0090, three starts"),
}
NAMES = {part.__name__: part for part in PARTS}


# ---- the record and its tables ----


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def mean(values: list[float], digits: int) -> str:
    return f"{statistics.mean(values):.{digits}f}"


def cells(part: str, row: dict) -> tuple[str, dict[str, str]]:
    """A row of the record in its table: what stands in the first column, and column → text. Rows with the same first
    column are one line of the table."""
    if "note" in row:
        return row["what"], {"ms a step" if part == "launches" else "images a second": row["note"]}
    kind = "the GPU" if row.get("device") == "cuda" else "the processor"
    if part == "clock":
        return row["what"], {
            "ms until Python went on": number(row["returned_ms"]),
            "ms until it was done": number(row["finished_ms"]),
        }
    if part == "step":
        whole = {"together": sum(row["ms"].values())}
        return f"{row['batch_size']:,} pictures on {kind}", {k: number(v) for k, v in (row["ms"] | whole).items()}
    if part == "transfer":
        found = {"µs": "µs", "GB_per_s": "GB a second", "images_per_second": "images a second"}
        return row["what"], {name: number(row[key]) for key, name in found.items() if key in row}
    if part == "crossover":
        return f"{row['batch_size']:,}", {f"{row['network']} on {kind}": number(row["images_per_second"])}
    if part == "precision":
        return row["precision"], {
            "product, TFLOPS": number(row["TFLOPS"]),
            f"ms a step of {row['batch_size']:,}": number(row["ms"]),
            "validation MSE": f"{row['val_mse']:.4f}",
        }
    if part == "launches":
        found = {"ms": "ms a step", "started": "launches", "compiling_s": "s to compile"}
        return row["what"], {name: number(row[key]) for key, name in found.items() if key in row}
    if part == "memory":
        found = {"held_MB": "MB held for the backward pass", "peak_MB": "MB at most", "ms": "ms"}
        return row["what"], {name: number(row[key]) for key, name in found.items() if row.get(key) is not None}
    if part == "ladder":
        return row["rung"], {
            f"seconds on {kind}": number(row["seconds"]),
            f"MSE there ({row['device']})": f"{row['val_mse']:.4f}",
        }
    there = f"{row['mark']:.4f}, {row['network']} on {kind}"
    found = {"batches": f"{row['steps']:,} of {row['batch_size']}", "seconds": number(statistics.mean(row["seconds"]))}
    if row["reached"]:
        return there, found | {"test MSE": mean(row["test_mse"], 5)}
    return there, found | {"test MSE": f"not reached: validation {max(row['val_mse']):.4f} at worst"}


def table(part: str, rows: list[dict]) -> str:
    """What was recorded of one part, as Markdown; without rows it says that nothing was."""
    title = PARTS[NAMES[part]][1]
    rows = [row for row in rows if row["part"] == part]
    if not rows:
        return f"*On a GPU: {title}.* Not recorded yet; `make gpu`, on a machine with a GPU, makes this table."
    first = rows[0]
    place = f"{first['card']} with {first['machine']}, torch {first['torch']}, {first['date']}; {first['data']}"
    lines, merged = [f"*On a GPU: {title}. Recorded on {place}.*"], {}
    for row in rows:
        if "error" in row:
            lines += ["", f"This part stopped: {row['error']}"]
        else:
            name, found = cells(part, row)
            merged.setdefault(name, {}).update(found)
    if merged:
        columns = list(dict.fromkeys(column for found in merged.values() for column in found))
        lines += ["", f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
        lines += [f"| {name} | {' | '.join(found.get(c, '') for c in columns)} |" for name, found in merged.items()]
    return "\n".join(lines)


def recorded(path: Path = RECORD) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []


def in_lesson(part: str, rows: list[dict]) -> str:
    """Its cell in the lesson. While nothing is recorded, a comment that no reader sees: it keeps the table's place."""
    text = table(part, rows)
    return text if any(row["part"] == part for row in rows) else f"<!-- {text} -->"


def write_tables(rows: list[dict]) -> None:
    """gpu.md, and each table in the lesson: a cell of its own there, known by how it begins."""
    tables = {part: table(part, rows) for part in NAMES}
    TABLE.write_text("\n\n".join(tables.values()) + "\n", encoding="utf-8")
    notebook = json.loads(LESSON.read_text(encoding="utf-8"))
    for part in NAMES:
        start = f"*On a GPU: {PARTS[NAMES[part]][1]}."
        for cell in notebook["cells"]:
            if cell["cell_type"] == "markdown" and "".join(cell["source"]).removeprefix("<!-- ").startswith(start):
                cell["source"] = in_lesson(part, rows).splitlines(keepends=True)
    LESSON.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def store(part: str, new: list[dict], path: Path) -> None:
    """What is new of a part takes the old one's place, at once: who interrupts keeps it."""
    kept = {name: [row for row in recorded(path) if row["part"] == name] for name in NAMES} | {part: new}
    what = "training on a GPU: each row says its part, the card and the processor"
    text = json.dumps({"what": what, "rows": [row for rows in kept.values() for row in rows]}, indent=1)
    path.with_suffix(".new").write_text(text + "\n", encoding="utf-8")
    path.with_suffix(".new").replace(path)


def measure(part: str, device: str, seconds: float, path: Path) -> None:
    bench, rows = Bench(device, seconds), []
    card = torch.cuda.get_device_name() if bench.cuda else "no GPU"
    data = f"{bench.digits.name}: {len(bench.digits.train.images):,} train, {len(bench.digits.test.images):,} test"
    place = {"part": part, **record.here_and_now(), "card": card, "cuda": torch.version.cuda, "data": data}
    place["python"] = platform.python_version()
    start = time.perf_counter()
    try:
        for row in NAMES[part](bench):
            rows.append(place | row)
            store(part, rows, path)
            print(f"{part}: {row}", flush=True)
    except Exception as error:  # whatever it is: the other parts go on, and the record says it
        rows.append(place | {"error": f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"})
        store(part, rows, path)
        print(f"{part}: {rows[-1]['error']}", flush=True)
    print(f"{part}: {time.perf_counter() - start:.0f} s of {seconds:.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"measure only these anew: {', '.join(NAMES)}")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--seconds", type=float, default=440, help="for all parts together, about")
    parser.add_argument("--out", type=Path, help="the record; default: benchmarks/results/gpu.json")
    parser.add_argument("--tables", action="store_true", help="measure nothing, write the tables anew")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(NAMES):
        parser.error(f"no part {', '.join(sorted(unknown))}. There are: {', '.join(NAMES)}")
    if not options.tables:
        if options.device == "cuda" and not torch.cuda.is_available():
            sys.exit("there is no GPU here that torch can use; --device cpu takes the same way without one")
        path = options.out or (RECORD if options.device == "cuda" else ON_CPU)
        path.parent.mkdir(parents=True, exist_ok=True)
        for part, (share, _) in PARTS.items():
            if part.__name__ in (options.parts or NAMES):
                measure(part.__name__, options.device, share * options.seconds, path)
    if options.tables or (options.device == "cuda" and not options.out):
        write_tables(recorded())


if __name__ == "__main__":
    main()
