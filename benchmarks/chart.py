"""Draw ``benchmarks/results/bench.json``: MSE against seconds and against work. Run: ``python benchmarks/chart.py``.

It writes the table ``benchmarks/results/bench.md`` and the pictures ``notebooks/bench.png`` and ``notebooks/bench_work.png``,
and renews the pictures where a lesson holds a copy (as an attachment, so that a lesson opened alone on Colab shows it too).
"""

import base64
import json
import statistics
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
from record import of_others

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parent / "notebooks"
COLORS = {"TinyDenoiser": "#0072B2", "StrongDenoiser": "#D55E00", "UDenoiser(32, 3, side=28)": "#CC79A7",
          "tutorial": "#000000", "keras": "#009E73", "dncnn": "#E69F00", "matrix": "#56B4E9"}  # fmt: skip
LABELS = {"tutorial": "the tutorial's loop", "keras": "Keras' example", "dncnn": "DnCNN, Adam", "matrix": "one matrix",
          "UDenoiser(32, 3, side=28)": "a wider one still"}  # fmt: skip


def lines(record: dict) -> dict[str, list[tuple[float, float, float]]]:
    """Method → points (seconds, multiply-adds spent, test MSE), means over seeds. The optimizer's own are left out: Muon's
    are 6 per cent of the network's in batches of 16, 1.5 in batches of 64."""
    points = {}
    train = int(record["data"].split()[1].replace(",", ""))
    for row in record["results"]:
        if row["what"] == "budget":
            work = 3 * record["networks"][row["network"]]["multiply_adds"] * row["epochs"] * train
            seconds, mse = (sum(row[key]) / len(row[key]) for key in ("seconds", "test_mse"))
            points.setdefault(row["network"], []).append((seconds, work, mse))
        elif row["what"] == "rival":
            each = 3 * row["multiply_adds"] * row["images_per_second"]
            curve = [(point["seconds"], point["first_1000_mse"]) for point in row["curve"][:-1]]
            curve.append((row["seconds"][0], row["test_mse"][0]))
            points[row["arguments"]["name"]] = [(seconds, each * seconds, mse) for seconds, mse in curve]
        elif row["what"] == "matrix":  # 784 x 784 products for XᵀX and for XᵀY, of each copy of each image
            work = 2 * 784**2 * train * row["arguments"]["copies"]
            points.setdefault("matrix", []).append((row["seconds"][0], work, row["test_mse"][0]))
    return points


def spread(values: list[float], digits: int) -> str:
    """Mean ± standard deviation, or the one value."""
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean


def apart(record: dict) -> list[str]:
    """Rows that were not measured with the others: a line for each machine and day."""
    return of_others(record["results"], lambda row: f"{row['what']} {' '.join(map(str, row['arguments'].values()))}")


def table(record: dict) -> str:
    """The record as Markdown: ratios first, then every training."""
    rows = {what: [row for row in record["results"] if row["what"] == what]
            for what in ("time_to_mark", "budget", "matrix", "rival", "growth")}  # fmt: skip
    (mark,) = rows["time_to_mark"]
    ours = statistics.median(mark["seconds"])
    (loop,) = (row for row in rows["rival"] if row["arguments"]["name"] == "tutorial")
    reached = [point["seconds"] for point in loop["curve"] if point["first_1000_mse"] <= mark["mark"]]
    theirs = reached[0] if reached else loop["seconds"][0]
    text = [
        f"# {record['what']}", "",
        f"{record['machine']}, {record['peak_gflops']:.0f} GFLOPS in a matrix product, torch {record['torch']}, "
        f"{record['date']}; {record['data']}; σ 0.5, clipped. All on the CPU: no GPU was at hand.", "",
        f"To test MSE {mark['mark']}: {spread(mark['seconds'], 3)} s, {mark['steps']} steps "
        f"(MSE {spread(mark['test_mse'], 5)}). "
        f"The tutorial's loop: {loop['seconds'][0]:.0f} s to {loop['test_mse'][0]:.4f}; it "
        f"{'was first at the mark' if reached else 'was not at the mark'} after {theirs:.0f} s: "
        f"**{'' if reached else 'more than '}{theirs / ours:,.0f} times as long**. (Our number of steps was found on "
        "validation images; the search is not in the seconds.)", "",
        "| training | seconds | test MSE | steps | images/s | share of the matrix product's speed | peak memory, MB |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in rows["budget"] + rows["rival"]:
        network = record["networks"].get(row.get("network"), row)
        share = f"{6 * network['multiply_adds'] * row['images_per_second'] / record['peak_gflops'] / 1e9:.0%}"
        name = row.get("network") or LABELS[row["arguments"]["name"]]
        text.append(
            f"| {name} | {spread(row['seconds'], 2)} | {spread(row['test_mse'], 5)} | {row.get('steps', '')} | "
            f"{row['images_per_second']:,.0f} | {share if row['machine'] == record['machine'] else ''} | {row['peak_mb']} |"
        )
    for row in rows["matrix"]:
        copies = row["arguments"]["copies"]
        text.append(
            f"| one matrix, copies={copies} | {row['seconds'][0]:.2f} | {row['test_mse'][0]:.5f} | | | | {row['peak_mb']} |"
        )
    if renewed := sorted({row["test_mse_renewed"] for row in record["results"] if "test_mse_renewed" in row}):
        text += ["", f"The matrix's test MSE was measured again on {', '.join(renewed)}; all else is of the run above."]
    text += [line for other in apart(record) for line in ("", other)]
    text += [
        "",
        "One epoch of TinyDenoiser, batches of 32:",
        "",
        "| images | seconds | peak memory, MB, all of MNIST loaded |",
        "|---|---|---|",
    ]
    text += [f"| {row['images']:,} | {row['seconds']:.2f} | {row['peak_mb']} |" for row in rows["growth"]]
    return "\n".join(text) + "\n"


def draw(record: dict, column: int, xlabel: str, path: Path) -> None:
    figure, axis = plt.subplots(figsize=(8, 4.4), dpi=80)
    for name, points in lines(record).items():
        axis.plot([p[column] for p in points], [p[2] for p in points], "-o", markersize=4, color=COLORS[name],
                  label=LABELS.get(name, name))  # fmt: skip
    axis.axhline(0.0241, color="gray", linestyle="--", linewidth=1)
    across = axis.get_yaxis_transform()  # across: a share of the axis; upwards: the MSE
    axis.text(
        0.99, 0.0235, "0.0241, the tutorial's best", color="gray", fontsize=9, transform=across, ha="right", va="top"
    )
    axis.set(xscale="log", yscale="log", xlabel=xlabel, ylabel="test MSE", ylim=(0.0075, 0.2))
    ticks = (0.008, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2)
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_yticks([], minor=True)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=9)
    source = f"CPU: {record['machine']}, torch {record['torch']}, {record['date']}; {record['data'].split(':')[0]}"
    source += "; some rows apart: bench.md" if apart(record) else ""
    axis.set_title(source, fontsize=9, loc="left")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def renew_copies(path: Path) -> None:
    for lesson in NOTEBOOKS.glob("[0-9]*.ipynb"):
        notebook = nbformat.read(lesson, as_version=4)
        held = [cell for cell in notebook.cells if path.name in cell.get("attachments", {})]
        for cell in held:
            cell.attachments[path.name] = {"image/png": base64.b64encode(path.read_bytes()).decode()}
        if held:
            nbformat.write(notebook, lesson)


def main() -> None:
    record = json.loads((HERE / "results" / "bench.json").read_text())
    (HERE / "results" / "bench.md").write_text(table(record), encoding="utf-8")
    for name, column, xlabel in (
        ("bench.png", 0, "seconds of training"),
        ("bench_work.png", 1, "multiply-adds spent in training"),
    ):
        draw(record, column, xlabel, NOTEBOOKS / name)
        renew_copies(NOTEBOOKS / name)


if __name__ == "__main__":
    main()
