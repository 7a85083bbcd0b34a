"""A student's way once, in JupyterLab in a real browser: open, fill in, check, save, hand in, get marks and a feedback page."""

import importlib.util
import shutil
from pathlib import Path

import pytest
from test_grading import by_question, grade, rows

from assignments.grading import course

NAME = "02_noise"


def borrowed():
    """What the lessons' browser tests have: a JupyterLab, an open notebook."""
    path = Path(__file__).parents[1] / "browser" / "conftest.py"
    spec = importlib.util.spec_from_file_location("browser_conftest", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fill_in(lesson, before: str, source: str) -> None:
    """Replace a cell's text, as a student would who pastes it."""
    lesson.page.locator(".jp-CodeCell").filter(has_text=before).first.locator(".cm-content").click()
    lesson.page.keyboard.press("Control+A")
    lesson.page.keyboard.insert_text(source)


def test_a_student_s_afternoon(tmp_path, released, sandbox):
    tools = borrowed()
    sync_api = pytest.importorskip("playwright.sync_api")
    screenshots = tools.ROOT / "build" / "screenshots"
    screenshots.mkdir(parents=True, exist_ok=True)
    answers = course.by_id(course.solved(NAME, released[NAME]))
    blank = course.by_id(course.read(released[NAME]))
    labs = tools.start(tmp_path / "lab")
    lab = next(labs)
    mine = tmp_path / "lab" / "notebooks" / f"{NAME}_ada.ipynb"
    shutil.copy(released[NAME], mine)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=tools.QUIET)
        lesson = tools.Lesson(lab, browser.new_page(viewport={"width": 1200, "height": 1600}), mine.name)
        fill_in(lesson, "your student id", 'student = "ada"')
        for question in course.answers(NAME):
            first = blank[question].source.splitlines()[0]
            fill_in(lesson, first, answers[question].source)
        lesson.run_all()
        assert lesson.errors() == []
        lesson.page.screenshot(path=screenshots / "assignment_top.png")
        check = lesson.cell_with('du.check("a02.two_psnrs"')
        check.scroll_into_view_if_needed()
        outputs = [text.strip() for text in check.locator(".jp-OutputArea-output").all_inner_texts()]
        assert outputs == ["a02.two_psnrs: right.", "2"]
        lesson.page.screenshot(path=screenshots / "assignment_check.png")
        lesson.page.keyboard.press("Control+S")
        lesson.page.wait_for_timeout(2000)
        lesson.close()
        (tmp_path / "in" / "ada").mkdir(parents=True)
        shutil.copy(mine, tmp_path / "in" / "ada")
        done = grade(tmp_path / "in")
        assert done.returncode == 0, done.stdout + done.stderr
        (row,) = rows(tmp_path / "in", "marks.csv")
        words = sum(points for points, _ in course.written(NAME).values())
        assert float(row["points"]) == 20 - words, by_question(tmp_path / "in", "ada")
        page = browser.new_page(viewport={"width": 1000, "height": 1400})
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((tmp_path / "in-marks" / "feedback" / "ada" / f"{NAME}.html").as_uri())
        page.screenshot(path=screenshots / "assignment_feedback.png")
        assert all(url.startswith(("file:", "data:")) for url in asked), asked
        browser.close()
    labs.close()
