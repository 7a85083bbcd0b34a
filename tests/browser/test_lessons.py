"""Each lesson in JupyterLab, as a learner has it: run all cells, then move everything that can be moved."""

import io
import json
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageDraw
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import run_course  # noqa: E402

NUMBERS = sorted(path.name.partition("_")[0] for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
# 04a's is there while it trains
PANELS = {"00": 1, "01a": 1, "01b": 1, "02a": 1, "02b": 1, "03a": 1, "03b": 2, "04a": 0, "04b": 1, "04c": 1}
PANELS |= {"05": 1, "06": 1, "07a": 1, "07b": 1, "08": 1, "09": 1}
# What a panel shows; and the milliseconds from now to its next change, kept in the panel's data-ms
SHOWN = """panel => [...panel.querySelectorAll('img, pre, figcaption')].map(e => e.src ?? e.textContent).join('|')"""
CLOCK = f"""panel => {{
    const shown = {SHOWN}, before = shown(panel), start = performance.now();
    panel.dataset.ms = '';
    new MutationObserver((_, watch) => {{
        if (shown(panel) === before) return;
        panel.dataset.ms = performance.now() - start;
        watch.disconnect();
    }}).observe(panel, {{subtree: true, childList: true}});
}}"""


def shown(panel) -> str:
    return panel.evaluate(SHOWN)


def wait_for_change(page, panel, before: str, what: str) -> None:
    for _ in range(300):
        if shown(panel) != before:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{what}: nothing changed in half a minute")


def move_everything(lesson, panel) -> list[float]:
    """Each slider by a key, each menu by a choice; returns the milliseconds that each took to show."""
    times = []
    sliders = panel.locator(".noUi-handle")
    for i in range(sliders.count()):
        for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
            before = shown(panel)
            sliders.nth(i).focus()
            panel.evaluate(CLOCK)
            lesson.page.keyboard.press(key)
            wait_for_change(lesson.page, panel, before, f"{lesson.name}: slider {i}, {key}")
            times.append(float(panel.get_attribute("data-ms")))
    menus = panel.locator("select")
    for i in range(menus.count()):
        chosen = menus.nth(i).evaluate("menu => menu.selectedOptions[0].text")
        for option in [text for text in menus.nth(i).locator("option").all_inner_texts() if text != chosen]:
            before = shown(panel)
            panel.evaluate(CLOCK)
            menus.nth(i).select_option(option)
            wait_for_change(lesson.page, panel, before, f"{lesson.name}: {option}")
            times.append(float(panel.get_attribute("data-ms")))
    assert panel.locator("[role=alert]").count() == 0, panel.inner_text()
    return times


def violations(page, within: str) -> list[str]:
    found = Axe().run(page, context=within).response["violations"]
    return [f"{one['id']}: {one['help']}: {[node['html'][:120] for node in one['nodes']]}" for one in found]


@pytest.mark.parametrize("number", [*reversed(NUMBERS)])  # the longest first
def test_lesson(open_lesson, screenshots, number):
    lesson = open_lesson(number)
    stored = nbformat.read(lesson.lab.notebooks / lesson.name, as_version=4).cells
    expect(lesson.folded).to_have_count(sum("predict" in cell.metadata.get("tags", []) for cell in stored))
    assert "".join(lesson.folded.all_inner_texts()).strip() == "", "a folded output tells its first line"
    lesson.run_all()
    expect(lesson.folded).to_have_count(0)
    assert lesson.errors() == []
    assert len(lesson.panels) == PANELS[number]
    times = []
    for i, panel in enumerate(lesson.panels):
        panel.scroll_into_view_if_needed()
        panel.screenshot(path=screenshots / f"{number}_{i}_before.png")
        times += move_everything(lesson, panel)
        panel.screenshot(path=screenshots / f"{number}_{i}_after.png")
    if times:
        assert violations(lesson.page, ".denoise-panel") == []
        figures = {"median ms": round(float(np.median(times))), "slowest ms": round(max(times)), "moves": len(times)}
        (screenshots / f"{number}_moves.json").write_text(json.dumps(figures))
    assert lesson.errors() == []
    special = {"00": which_data, "04a": stop_a_training, "05": draw_a_digit}.get(number)
    if special:
        special(lesson, screenshots)


def test_a_prediction_is_not_spoiled(open_lesson):
    """What is folded can't be seen, not even its first line; a click opens it, and so does running the cell."""
    told = nbformat.v4.new_output("stream", text="told 42\n")
    cells = [nbformat.v4.new_code_cell("print('told', 6 * 7)", outputs=[told], metadata={"tags": ["predict"]})]
    cells.append(nbformat.v4.new_code_cell("print(1)", outputs=[nbformat.v4.new_output("stream", text="plain\n")]))
    for cell in cells:
        run_course.fold(cell)
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    lesson = open_lesson(nbformat.v4.new_notebook(cells=cells, metadata=kernel))
    answer = lesson.page.get_by_text("told 42")
    expect(lesson.page.get_by_text("plain")).to_be_visible()
    expect(answer).to_have_count(0)
    lesson.folded.click()
    expect(answer).to_be_visible()
    lesson.page.reload()
    lesson.page.wait_for_selector("text=| Idle")
    lesson.folded.wait_for()
    expect(answer).to_have_count(0)
    lesson.cell_with("print('told'").locator(".cm-content").click()
    lesson.page.keyboard.press("Shift+Enter")
    expect(answer).to_be_visible()
    expect(lesson.folded).to_have_count(0)


def which_data(lesson, screenshots):
    expect(lesson.page.get_by_text(f"{lesson.lab.data}: ").first).to_be_visible()


def stop_a_training(lesson, screenshots):
    """By the panel's button and by the kernel's: both keep what was learned, and the kernel goes on."""
    cell = lesson.cell_with("du.watch_training(")
    for how in ("panel", "kernel"):
        cell.locator(".cm-content").click()
        lesson.page.keyboard.press("Control+Enter")
        panel = cell.locator(".denoise-panel")
        panel.locator("svg[role=img]").wait_for(timeout=60_000)  # the first curve
        before = shown(panel)
        wait_for_change(lesson.page, panel, before, "samples while it trains")
        if how == "panel":
            panel.screenshot(path=screenshots / "04_training.png")
            panel.get_by_role("button", name="stop and keep").click()
        else:
            lesson.menu("Kernel", "Interrupt Kernel")
        cell.get_by_text("stopped by hand after").wait_for(timeout=60_000)
        lesson.wait(60)
        assert cell.locator("img").count() == 1, "the still picture takes the panel's place"
    assert lesson.errors() == []
    lesson.cell_with("print(watched)").locator(".cm-content").click()
    lesson.page.keyboard.press("Control+Enter")
    lesson.wait(60)
    assert "stopped by hand" in lesson.cell_with("print(watched)").locator(".jp-OutputArea").inner_text()


def draw_a_digit(lesson, screenshots):
    """With the mouse, with keys, from a photo; then clear."""
    panel, page = lesson.panels[0], lesson.page
    pad = panel.locator("canvas")
    pad.scroll_into_view_if_needed()
    before = shown(panel)
    box = pad.bounding_box()
    points = [(60, 60), (210, 60), (120, 230)]  # a seven
    page.mouse.move(box["x"] + points[0][0], box["y"] + points[0][1])
    page.mouse.down()
    for x, y in points[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=12)
    page.mouse.up()
    wait_for_change(page, panel, before, "a stroke of the mouse")
    expect(panel.locator("figcaption").first).to_contain_text("reads 7")
    panel.screenshot(path=screenshots / "05_drawn.png")

    drawn = shown(panel)
    panel.get_by_role("button", name="Clear the pad").click()
    wait_for_change(page, panel, drawn, "clearing")
    cleared = shown(panel)
    pad.focus()
    for key in [*["ArrowUp"] * 9, "Space", *["ArrowDown"] * 18]:  # a one
        page.keyboard.press(key)
    wait_for_change(page, panel, cleared, "the keyboard")
    expect(panel.locator("figcaption").first).to_contain_text("reads 1")

    before = shown(panel)
    photo = Image.new("L", (300, 400), 215)  # a zero, dark on paper
    ImageDraw.Draw(photo).ellipse((80, 90, 220, 310), outline=40, width=28)
    data = io.BytesIO()
    photo.save(data, format="JPEG")
    with page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name="a photo instead").click()
    chooser.value.set_files({"name": "zero.jpg", "mimeType": "image/jpeg", "buffer": data.getvalue()})
    wait_for_change(page, panel, before, "a photo")
    expect(panel.locator("figcaption").first).to_contain_text("reads 0")
    panel.screenshot(path=screenshots / "05_photo.png")

    with page.expect_file_chooser() as chooser:
        panel.get_by_role("button", name="a photo instead").click()
    chooser.value.set_files({"name": "no.png", "mimeType": "image/png", "buffer": b"no picture"})
    panel.locator("[role=alert]").wait_for(timeout=30_000)
    assert "not a picture" in panel.locator("[role=alert]").inner_text()
    assert lesson.errors() == []


@pytest.mark.parametrize("look", ["dark", "narrow", "large"])
def test_other_looks(open_lesson, screenshots, look):
    """The dark theme, a window of 480 pixels, larger letters on a sharp screen: all is there, nothing is cut off."""
    lesson = open_lesson("00", device_scale_factor=2 if look == "large" else 1)
    if look == "dark":
        lesson.menu("Settings", "Theme", "JupyterLab Dark")
    if look == "narrow":
        lesson.page.set_viewport_size({"width": 480, "height": 900})
        lesson.page.keyboard.press("Control+b")  # closes the list of files
    if look == "large":
        for _ in range(4):
            lesson.menu("Settings", "Theme", "Increase Content Font Size")
    lesson.run_all()
    assert lesson.errors() == []
    panel = lesson.panels[0]
    panel.scroll_into_view_if_needed()
    move_everything(lesson, panel)
    assert violations(lesson.page, ".denoise-panel") == []
    inner, outer = panel.evaluate("panel => [panel.scrollWidth, panel.clientWidth]")
    assert inner <= outer + 1, "the panel is wider than its place"
    lesson.page.screenshot(path=screenshots / f"00_{look}.png")


def test_without_widgets(open_lesson, lab_without_widgets, screenshots):
    """Where no widget views are installed, the still picture is shown, and nothing fails."""
    lesson = open_lesson("00", lab=lab_without_widgets)
    lesson.run_all()
    assert lesson.errors() == [] and not lesson.panels
    still = lesson.cell_with("du.explore_denoisers(").locator(".jp-OutputArea img")
    assert still.count() == 1
    still.scroll_into_view_if_needed()
    lesson.page.screenshot(path=screenshots / "00_without_widgets.png")
