"""Every lesson's first cell: it says where it computes and where files stay, here and on a pretended Colab or Kaggle."""

import sys
import types
from pathlib import Path

import pytest
import torch

import denoise_utils as du
from denoise_utils import data, session

LESSON = ".".join(du.__version__.split(".")[:2])


@pytest.fixture(autouse=True)
def laptop(monkeypatch, tmp_path):
    """Nowhere special, with a home folder of its own and no GPU."""
    for name in ("DENOISE_HOME", "KAGGLE_KERNEL_RUN_TYPE", "DENOISE_DATA", "DENOISE_DATA_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))  # the same on Windows
    monkeypatch.setattr(session, "best_device", lambda: torch.device("cpu"))


@pytest.fixture
def colab(monkeypatch, tmp_path):
    """Colab with Drive not mounted. ``enabled`` counts the calls that let the page show the package's widgets."""
    page = types.SimpleNamespace(enabled=0, drive=tmp_path / "drive")
    output = types.ModuleType("google.colab.output")
    output.enable_custom_widget_manager = lambda: setattr(page, "enabled", page.enabled + 1)
    for name in ("google", "google.colab"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "google.colab.output", output)
    monkeypatch.setattr(data, "DRIVE", page.drive)
    return page


@pytest.fixture
def kaggle(monkeypatch):
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")


def said(capsys):
    du.set_up(LESSON)
    return capsys.readouterr().out.splitlines()


def test_two_lines_on_a_laptop(capsys, monkeypatch):
    monkeypatch.setattr(session, "best_device", lambda: torch.device("cpu"))
    first, second = said(capsys)
    torch_version = torch.__version__.split("+")[0]  # without what it was built for
    assert first == f"denoise_utils {du.__version__}, torch {torch_version}, computing on the CPU"
    assert second.endswith(" ~/.cache/denoise_utils")


def test_the_gpu_is_named(capsys, monkeypatch, colab):
    monkeypatch.setattr(session, "best_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    lines = said(capsys)
    assert lines[0].endswith("computing on Tesla T4") and "To choose one" not in "\n".join(lines)


def test_colab_without_gpu_and_drive(capsys, colab):
    text = "\n".join(said(capsys))
    assert "Runtime → Change runtime type → T4 GPU" in text and "drive.mount('/content/drive')" in text
    assert colab.enabled == 1


def test_colab_with_drive(capsys, colab):
    colab.drive.mkdir()
    assert du.storage_folder() == colab.drive / "denoise_utils"
    text = "\n".join(said(capsys))
    assert str(colab.drive / "denoise_utils") in text and "drive.mount" not in text


def test_kaggle(capsys, kaggle):
    assert du.storage_folder() == Path("/kaggle/working/denoise_utils")
    text = "\n".join(said(capsys))
    assert "Settings → Accelerator" in text and "Settings → Persistence" in text


def test_home_on_a_laptop(tmp_path):
    assert du.storage_folder() == tmp_path / "home" / ".cache" / "denoise_utils"
    assert not (tmp_path / "home").exists()  # asking makes nothing


def test_home_can_be_named(capsys, monkeypatch, tmp_path, colab):
    colab.drive.mkdir()
    monkeypatch.setenv("DENOISE_HOME", "~/course")  # it comes before Drive
    assert du.storage_folder() == tmp_path / "home" / "course"
    text = "\n".join(said(capsys))
    assert "~/course" in text and "To keep them" not in text  # who names a folder has chosen
    monkeypatch.setenv("DENOISE_HOME", "")
    assert du.storage_folder() == colab.drive / "denoise_utils"


def test_downloads_are_looked_for_at_home(monkeypatch, tmp_path):
    monkeypatch.setenv("DENOISE_HOME", str(tmp_path / "course"))
    raw = tmp_path / "course" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in data.MNIST_SHA256:
        (raw / name).write_bytes(b"damaged")
    with pytest.raises(du.DataError) as caught:
        du.load_digits()
    assert str(raw) in str(caught.value)


@pytest.mark.parametrize("installed", ["0.1.9", "0.3.0", "1.2.0", "0.20.1"])
def test_another_version_stops_and_says_what_to_do(monkeypatch, capsys, installed):
    monkeypatch.setattr(session, "INSTALLED", installed)
    with pytest.raises(RuntimeError, match=rf"denoise_utils 0\.2, and {installed} .*pip install -e \."):
        du.set_up("0.2")
    assert capsys.readouterr().out == ""


def test_another_version_on_colab(monkeypatch, colab):
    monkeypatch.setattr(session, "INSTALLED", "0.1.0")
    with pytest.raises(RuntimeError, match=r"0\.1\.0 .*Restart the session"):
        du.set_up("0.2")
    assert colab.enabled == 0


@pytest.mark.parametrize("installed", ["0.2.0", "0.2.7", "0.2.1.dev3"])
def test_a_later_fix_of_the_same_version_fits(monkeypatch, installed):
    monkeypatch.setattr(session, "INSTALLED", installed)
    du.set_up("0.2")
