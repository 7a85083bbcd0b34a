"""The benchmarks run, and their records and charts are whole and true to each other."""

import base64
import json
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import nbformat
import pytest
import torch

import denoise_utils as du
from denoise_utils.models import NETWORKS

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
RECORDS = sorted((BENCHMARKS / "results").glob("*.json"))
LESSON = ROOT / "notebooks" / "06_better_denoisers.ipynb"
sys.path.insert(0, str(BENCHMARKS))
import ablation  # noqa: E402
import bench  # noqa: E402
import chart  # noqa: E402
import gpu  # noqa: E402
from rivals import RIVALS, KerasAutoencoder  # noqa: E402


def read(name):
    return json.loads((BENCHMARKS / "results" / f"{name}.json").read_text())


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_says_where_and_when(path):
    record = json.loads(path.read_text())
    assert record["what"]
    if path.stem != "facts":  # what was published, not measured
        for row in [*record.get("rows", []), *record.get("results", [])] or [record]:
            assert row["machine"] and row["date"].startswith("20") and row["torch"]


def test_rivals_are_those_of_their_authors():
    assert du.count_parameters(KerasAutoencoder()) == 28_353  # as model.summary() says in Keras' example
    model, _, epochs = RIVALS["tutorial"](torch.zeros(20, 1, 28, 28, dtype=torch.uint8))
    assert du.count_parameters(model) == 9_585 and epochs == 20


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_learns_and_counts(name, digits):
    torch.manual_seed(0)
    model, steps, _ = RIVALS[name](digits.train.images[:40])
    before = [parameter.clone() for parameter in model.parameters()]
    batch = 20 if name == "tutorial" else 40
    taken = [next(steps) for _ in range(3)]
    assert [images for _, images in taken] == [batch] * 3
    assert [epoch for epoch, _ in taken] == ([0, 0, 1] if batch == 20 else [0, 1, 2])
    assert any(not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
    assert model.eval()(torch.rand(2, 1, 28, 28)).shape == (2, 1, 28, 28)


def test_every_change_is_measured_and_every_measurement_is_of_a_change():
    """And of the networks as they are today."""
    rows = read("ablation")["rows"]
    missing = [
        f'make ablation ROW="{name}"' for name in ablation.CHANGES if name not in [row["change"] for row in rows]
    ]
    assert not missing, missing
    assert [row["change"] for row in rows] == list(ablation.CHANGES)
    for row in rows:
        model = ablation.CHANGES[row["change"]][0]()
        assert len(row["val_mse"]) == ablation.SEEDS, row["change"]
        assert row["parameters"] == du.count_parameters(model), f"{row['change']} was measured with another network"
        assert row["multiply_adds"] == du.multiply_adds(model), f"{row['change']} was measured with another network"
        if row["change"].removesuffix(", our recipe") in NETWORKS:
            assert max(row["val_mse"]) < 0.06


def test_every_network_and_rival_is_measured():
    """Red? ``make bench ROW=name``, with all of MNIST at hand."""
    record = read("bench")
    assert [(row["what"], row["arguments"]) for row in record["results"]] == bench.plan(full=True)
    assert record["networks"] == bench.networks(), "a network has changed since it was measured"
    assert {row["network"] for row in record["results"] if row["what"] == "budget"} == bench.NETWORKS.keys()
    rivals = {row["arguments"]["name"]: row for row in record["results"] if row["what"] == "rival"}
    assert rivals.keys() == RIVALS.keys()
    for name, row in rivals.items():
        model, _, _ = RIVALS[name](torch.zeros(20, 1, 28, 28, dtype=torch.uint8))
        assert row["parameters"] == du.count_parameters(model) and row["multiply_adds"] == du.multiply_adds(model), name


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The ablation's record, its table and the lessons, to be written to."""
    for name in ("RECORD", "TABLE"):
        monkeypatch.setattr(ablation, name, Path(shutil.copy(getattr(ablation, name), tmp_path)))
    monkeypatch.setattr(ablation, "NOTEBOOKS", tmp_path)
    return Path(shutil.copy(LESSON, tmp_path))


def test_one_row_is_measured_alone(copied, monkeypatch):
    """The others keep their figures, machine and day; the table names the one, in the lesson too."""
    before = {row["change"]: row for row in read("ablation")["rows"]}
    monkeypatch.setattr(ablation, "STEPS", 1)
    monkeypatch.setattr(ablation.record, "machine", lambda: "another machine")
    monkeypatch.setattr(sys, "argv", ["ablation.py", "no skip connection"])
    ablation.main()
    after = {row["change"]: row for row in json.loads(ablation.RECORD.read_text())["rows"]}
    renewed = after["no skip connection"]
    assert list(after) == list(before) and renewed["machine"] == "another machine" and renewed["mean"] > 0.05
    assert {**after, "no skip connection": before["no skip connection"]} == before
    table = ablation.TABLE.read_text(encoding="utf-8")
    assert re.search(r"\n\*Measured apart \(another machine, torch .*\): no skip connection\.\*\n$", table)
    old, new = (nbformat.read(path, as_version=4) for path in (LESSON, copied))
    changed = [cell.source for cell, other in zip(new.cells, old.cells, strict=True) if cell != other]
    assert len(changed) == 1 and table.strip() in changed[0]


def test_a_row_that_nobody_wrote(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["ablation.py", "no such line"])
    with pytest.raises(SystemExit):
        ablation.main()
    assert "no row no such line in CHANGES. There are: the tutorial's network" in capsys.readouterr().err
    with pytest.raises(SystemExit, match=r"no row resnet in the full run. There are: .*TinyDenoiser.*, dncnn"):
        bench.renew("resnet")


def test_one_row_of_the_benchmark_is_measured_alone(tmp_path, monkeypatch, digits):
    record, path = read("bench"), tmp_path / "results" / "bench.json"
    path.parent.mkdir()
    path.write_text(json.dumps({**record, "results": record["results"][:-1], "data": f"{digits.name}: as here"}))
    new = {**record["results"][-1], "date": "2030-01-01"}
    monkeypatch.setenv("DENOISE_DATA", "mnist5k")
    monkeypatch.setattr(bench, "measure", lambda jobs: [new] if jobs == bench.plan(full=True)[-1:] else [])
    monkeypatch.setattr(bench, "RESULTS", path.parent)
    bench.renew("dncnn", path)
    written = json.loads(path.read_text())
    assert written["results"] == [*record["results"][:-1], new]
    assert "\n*Measured apart (AMD EPYC, 2 threads, torch 2.14.1, 2030-01-01): rival dncnn 300.*\n" in chart.table(
        written
    )


def shaken(make):
    torch.manual_seed(0)
    model = make().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            chance = torch.Generator().manual_seed(parameter.numel())
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=chance))
        return model(torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0)))


def test_every_change_of_the_ablation_is_a_change():
    answers = [(shaken(make), options) for make, options in ablation.CHANGES.values()]
    for i, (answer, options) in enumerate(answers):
        assert answer.shape == (2, 1, 28, 28)
        assert not any(torch.equal(answer, other) and options == others for other, others in answers[:i])


def test_the_row_without_a_u_costs_what_the_strong_network_costs():
    work = [du.multiply_adds(ablation.CHANGES[name][0]()) for name in ("residual blocks, no U", ablation.BASE)]
    assert abs(work[0] / work[1] - 1) < 0.05


def test_averaged_weights_follow_the_training(digits):
    model = torch.nn.Conv2d(1, 1, 3, padding=1)
    average = ablation.averaging(model, 0.5)
    du.fit(model, digits.train.images[:64], ablation.NOISE, steps=8, device="cpu", progress=False, schedule="constant")
    assert average.n_averaged == 8
    assert not torch.equal(average.module.weight, model.weight)


def test_a_measurement_runs_in_a_process_of_its_own(monkeypatch):
    monkeypatch.setenv("DENOISE_DATA", "mnist5k")
    command = [sys.executable, str(BENCHMARKS / "bench.py"), "--one", "growth", '{"images": 64}']
    result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)
    assert result["images"] == 64 and result["seconds"] > 0 and result["peak_mb"] > 50


def test_short_and_full_run_take_the_same_paths():
    short, full = ({name for name, _ in bench.plan(length)} for length in (False, True))
    assert short == full == {"time_to_mark", "matrix", "budget", "growth", "rival"}


def test_the_chart_holds_every_method():
    record = read("bench")
    points = chart.lines(record)
    assert points.keys() == chart.COLORS.keys()
    for name, line in points.items():
        assert line == sorted(line), name
        assert all(seconds > 0 and work > 0 and 0.005 < mse < 0.3 for seconds, work, mse in line), name


def test_the_table_is_the_records():
    record = read("bench")
    assert (BENCHMARKS / "results" / "bench.md").read_text(encoding="utf-8") == chart.table(record)
    record = read("ablation")
    written = (BENCHMARKS / "results" / "ablation.md").read_text(encoding="utf-8")
    assert written == ablation.table(record)
    lesson = nbformat.read(LESSON, as_version=4)
    assert any(written.strip() in cell.source for cell in lesson.cells)


@pytest.mark.parametrize("name", ["bench.png", "bench_work.png"])
def test_the_lessons_hold_the_same_chart(name):
    expected = base64.b64encode((ROOT / "notebooks" / name).read_bytes()).decode()
    held = [
        cell
        for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        if name in cell.get("attachments", {})
    ]
    assert held
    for cell in held:
        assert cell.attachments[name]["image/png"] == expected and f"](attachment:{name})" in cell.source


# ---- benchmarks/gpu.py, on the processor: the same way through it ----

LESSON_04C = ROOT / "notebooks" / "04c_gpu_training.ipynb"


OLD = pytest.mark.skipif(
    torch.__version__ < "2.3", reason="the record is made with torch 2.11: GradScaler is in torch.amp"
)


@pytest.mark.parametrize("part", [pytest.param(part, marks=[OLD] * (part == "precision")) for part in gpu.NAMES])
def test_each_part_of_the_gpu_record_runs_without_a_gpu(part, tmp_path, capsys):
    """In a second or so: the first row at least, each with its place, or a word that the time was over."""
    path, flags = tmp_path / "gpu.json", (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [flag.allow_tf32 for flag in flags]
    gpu.measure(part, "cpu", 1.5, path)
    assert [flag.allow_tf32 for flag in flags] == before, "the next part would calculate in another precision"
    rows = json.loads(path.read_text())["rows"]
    assert rows and all(row["part"] == part and row["card"] == "no GPU" and row["machine"] for row in rows)
    wrong = [row["error"] for row in rows if "error" in row]
    assert wrong in ([], ["TimeoutError: its time was over"]), wrong
    table = gpu.table(part, rows)
    assert table.startswith(f"*On a GPU: {gpu.PARTS[gpu.NAMES[part]][1]}. Recorded on no GPU with ")
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) <= 1 and "None" not in table
    if rows[0].get("error") is None:
        assert len(lines) >= 3


@pytest.mark.parametrize(
    ("names", "count"),
    [
        (["aten::add_", "cudaLaunchKernel", "elementwise_kernel", "cudaMemsetAsync", "cudaDeviceSynchronize"], 2),
        (["cuLaunchKernelEx", "triton_poi_fused", "Optimizer.step#AdamW.step", "cudaLaunchKernelExC"], 2),
        (["cudaGraphLaunch", "elementwise_kernel", "elementwise_kernel"], 1),
        (["aten::add_", "elementwise_kernel"], None),
    ],
)
def test_launches_are_counted_where_the_processor_calls_them(names, count, monkeypatch):
    """A graph is one launch, however many kernels the GPU runs for it; and no launch at all means that none was seen."""

    class Profiler:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def events(self):
            return [types.SimpleNamespace(name=name, cpu_parent=None) for name in names]

    monkeypatch.setattr(torch.profiler, "profile", lambda activities: Profiler())
    bench = types.SimpleNamespace(cuda=True, wait=lambda: None)
    assert gpu.started(bench, lambda: None) == ({"started": count} if count else {})


def test_an_error_is_recorded_and_the_other_parts_stay(tmp_path, monkeypatch, capsys):
    """And a part that is interrupted keeps its rows."""

    def broken(bench):
        yield {"what": "a product", "returned_ms": 1.0, "finished_ms": 2.0}
        raise RuntimeError("the card fell out\nof its slot")

    def interrupted(bench):
        yield {"batch_size": 32, "device": "cpu", "ms": {"data": 1.0}}
        raise KeyboardInterrupt

    path = tmp_path / "gpu.json"
    for name, part in {"step": interrupted, "clock": broken}.items():
        monkeypatch.setitem(gpu.NAMES, name, part)
        monkeypatch.setitem(gpu.PARTS, part, (0.1, name))
    with pytest.raises(KeyboardInterrupt):
        gpu.measure("step", "cpu", 1, path)
    gpu.measure("clock", "cpu", 1, path)
    rows = gpu.recorded(path)
    assert [row["part"] for row in rows] == ["clock", "clock", "step"]
    assert rows[1]["error"] == "RuntimeError: the card fell out"
    assert "This part stopped: RuntimeError: the card fell out" in gpu.table("clock", rows)
    assert "| a product | 1 | 2 |" in gpu.table("clock", rows)


def test_the_gpu_benchmark_runs_on_a_bare_machine(tmp_path):
    """With torch and numpy only: no torchvision, scipy, tqdm or matplotlib, and the package not installed."""
    code = f"""
import sys, importlib.metadata as metadata
for name in ("torchvision", "scipy", "tqdm", "matplotlib", "skimage", "PIL", "IPython", "ipywidgets"):
    sys.modules[name] = None
real, asked = metadata.version, []
def version(name):
    asked.append(name)
    if asked == ["denoise_utils"]:  # when it is asked first, nobody has installed it
        raise metadata.PackageNotFoundError(name)
    return real(name)
metadata.version = version
sys.path.insert(0, {str(BENCHMARKS)!r})
sys.argv = ["gpu.py", "step", "--device", "cpu", "--seconds", "1000", "--out", {str(tmp_path / "gpu.json")!r}]
import gpu
assert gpu.du.__version__
print(gpu.du.fit(gpu.du.TinyDenoiser(), gpu.du.load_digits("mnist5k").train.images[:32], gpu.NOISE, progress=False))
gpu.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert [row["batch_size"] for row in rows] == [32, 256] and all(row["ms"]["backward"] > 0 for row in rows)


def test_no_gpu_no_record(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--out", str(tmp_path / "gpu.json")])
    with pytest.raises(SystemExit, match="no GPU here"):
        gpu.main()
    assert not list(tmp_path.iterdir())


def test_the_shares_of_the_parts_leave_time():
    assert sum(share for share, _ in gpu.PARTS.values()) == pytest.approx(1)


def test_the_gpu_tables_are_the_records():
    """Also while there is no record: then they say so, and in the lesson a comment keeps each table's place."""
    rows = gpu.recorded()
    tables = {part: gpu.table(part, rows) for part in gpu.NAMES}
    assert gpu.TABLE.read_text(encoding="utf-8") == "\n\n".join(tables.values()) + "\n"
    cells = [cell.source for cell in nbformat.read(LESSON_04C, as_version=4).cells]
    for part in tables:
        assert cells.count(gpu.in_lesson(part, rows)) == 1, f"{part}: make gpu, or python benchmarks/gpu.py --tables"
    if not rows:
        assert all("Not recorded yet" in text for text in tables.values())
        assert sum(text.startswith("<!-- *On a GPU: ") and text.endswith(" -->") for text in cells) == len(tables)


def test_tables_of_a_new_record_take_the_place_of_the_old(tmp_path, monkeypatch):
    for name in ("TABLE", "LESSON"):
        monkeypatch.setattr(gpu, name, Path(shutil.copy(getattr(gpu, name), tmp_path)))
    place = {
        "machine": "a processor",
        "torch": "9.9",
        "date": "2030-01-01",
        "card": "A Card",
        "data": "mnist: all of it",
    }
    new = [{"part": "crossover", **place, "network": "TinyDenoiser", "batch_size": 1024, "device": device,
            "images_per_second": speed} for device, speed in {"cpu": 3000.4, "cuda": 99_999.0}.items()]  # fmt: skip
    gpu.write_tables(new)
    old, cells = (nbformat.read(path, as_version=4).cells for path in (LESSON_04C, gpu.LESSON))
    changed = [cell.source for cell, other in zip(cells, old, strict=True) if cell.source != other.source]
    was = gpu.recorded()
    assert any("| 1,024 | 3,000 | 99,999 |" in text and "Recorded on A Card" in text for text in changed)
    assert len(changed) == 1 or was
    assert not any("Recorded on A Card" in text and "<!--" in text for text in changed)
    assert "| 1,024 | 3,000 | 99,999 |" in gpu.TABLE.read_text(encoding="utf-8")
    gpu.write_tables(was)  # and back again
    assert [cell.source for cell in nbformat.read(gpu.LESSON, as_version=4).cells] == [cell.source for cell in old]
