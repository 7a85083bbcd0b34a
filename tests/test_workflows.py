"""The workflows for public hosting, as files: they have not run there yet, so at least what they call has to exist."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PATHS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in PATHS}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(params=sorted(TEXTS))
def name(request):
    return request.param


def steps(name):
    jobs = yaml.safe_load(TEXTS[name])["jobs"].values()
    return [step for job in jobs for step in job.get("steps", [])]


def test_all_are_there():
    assert sorted(TEXTS) == ["site", "tests", "weekly"]


def test_they_call_what_exists(name):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for step in steps(name):
        for target in re.findall(r"\bmake ([a-z-]+)", step.get("run", "")):
            assert re.search(rf"^{target}:", makefile, flags=re.M), f"make {target}"
        for path in re.findall(
            r"(?<= )(?:tests|notebooks|scripts|site|benchmarks)(?:/[\w./]*)?(?=\s|$)", step.get("run", "")
        ):
            assert (ROOT / path).exists(), path
    for job in yaml.safe_load(TEXTS[name])["jobs"].values():
        assert "uses" not in job or (ROOT / job["uses"]).is_file(), job["uses"]


def test_every_job_has_a_limit_and_may_read_only(name):
    workflow = yaml.safe_load(TEXTS[name])
    assert workflow["permissions"] == {"contents": "read"}
    for title, job in workflow["jobs"].items():
        assert "uses" in job or job["timeout-minutes"] <= 60, title
        assert title == "publish" or "permissions" not in job, title
    for step in steps(name):
        assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/none@v1"))


def test_oldest_versions_are_those_of_the_package():
    row = next(
        row
        for row in yaml.safe_load(TEXTS["tests"])["jobs"]["package-and-lessons"]["strategy"]["matrix"]["include"]
        if row["torch"] == "oldest"
    )
    asked = dict(re.findall(r"^(torch\w*|numpy)>=([\d.]+)$", "\n".join(PROJECT["dependencies"]), flags=re.M))
    assert row["packages"] == " ".join(f"{name}=={version}.*" for name, version in asked.items())
    assert f">={row['python']}" == PROJECT["requires-python"]


def test_systems():
    matrix = yaml.safe_load(TEXTS["tests"])["jobs"]["package-and-lessons"]["strategy"]["matrix"]
    assert [system.split("-")[0] for system in matrix["os"]] == ["ubuntu", "macos", "windows"]
    assert "schedule" in TEXTS["weekly"] and yaml.safe_load(TEXTS["weekly"])["jobs"]["tests"]["uses"].endswith(
        "tests.yml"
    )


def test_they_say_that_they_have_not_run(name):
    """Remove the sentence, and this test, when they have."""
    comment = " ".join(re.findall(r"^# (.*)", TEXTS[name], flags=re.M))
    assert re.search(r"ha(s|ve) not run on GitHub yet", comment)
