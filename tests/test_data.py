"""Lesson 01a: the digits are what they say they are, and a failed download leaves nothing but a clear message."""

import errno
import gc
import gzip
import hashlib
import os
import re
import signal
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch

import denoise_utils as du
from denoise_utils import data, inputs

PARTS = ("train", "val", "test")
NAMES = list(data.MNIST_SHA256)
# urllib and torchvision leave what a failed download had open to the garbage collector
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed <socket:ResourceWarning", "ignore:unclosed file:ResourceWarning"
)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("DENOISE_DATA", raising=False)
    monkeypatch.delenv("DENOISE_DATA_ROOT", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))  # the same on Windows


def pictures(images):
    return [image.numpy().tobytes() for image in images]


# ---- the embedded digits ----


@pytest.mark.parametrize(("part", "count"), [("train", 4000), ("val", 500), ("test", 500)])
def test_embedded_sizes(digits, part, count):
    split = getattr(digits, part)
    assert digits.name == "mnist5k" and len(split) == count
    assert split.images.shape == (count, 1, 28, 28) and split.images.dtype == torch.uint8
    assert split.labels.shape == (count,) and split.labels.dtype == torch.int64
    assert split.labels.bincount().tolist() == [count // 10] * 10
    assert split.images.min() == 0 and split.images.max() == 255


def test_embedded_parts_share_no_picture(digits):
    train, val, test = (set(pictures(getattr(digits, part).images)) for part in PARTS)
    assert not (train & val or train & test or val & test)
    assert len(train | val | test) == 5000


def test_embedded_digits_are_the_same_at_every_call(digits):
    again = du.load_digits("mnist5k")
    for part in PARTS:
        assert torch.equal(getattr(again, part).images, getattr(digits, part).images)
        assert torch.equal(getattr(again, part).labels, getattr(digits, part).labels)


def test_checksum_is_recorded():
    assert hashlib.sha256(data.EMBEDDED_FILE.read_bytes()).hexdigest() == data.EMBEDDED_SHA256


@pytest.mark.parametrize("damage", ["one bit", "half", "missing"])
def test_damaged_embedded_file(monkeypatch, tmp_path, damage):
    content = bytearray(data.EMBEDDED_FILE.read_bytes())
    if damage == "one bit":
        content[len(content) // 2] ^= 1
    copy = tmp_path / "digits.npz"
    if damage != "missing":
        copy.write_bytes(content[: len(content) // 2] if damage == "half" else content)
    monkeypatch.setattr(data, "EMBEDDED_FILE", copy)
    with pytest.raises(du.DataError, match="missing or damaged") as caught:
        du.load_digits("mnist5k")
    assert str(copy) in str(caught.value)


def test_embedded_digits_come_from_the_first_training_images(digits, mnist_root):
    full = du.load_digits("mnist", root=mnist_root)
    labels = dict(zip(pictures(full.train.images[:5848]), full.train.labels[:5848].tolist()))
    for part in PARTS:
        split = getattr(digits, part)
        assert [labels.get(picture) for picture in pictures(split.images)] == split.labels.tolist()


def test_repr_names_data_and_reason(digits):
    text = repr(digits)
    assert "mnist5k" in text and "4,000 train" in text and digits.why in text


# ---- a small MNIST, made here ----


@pytest.fixture(scope="session")
def tiny_files():
    """The four files of an "MNIST" of 5,020 + 10 random images: name → content."""
    random = np.random.default_rng(0)
    files = {}
    for prefix, count in (("train", 5020), ("t10k", 10)):
        images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = random.integers(0, 10, count, dtype=np.uint8)
        files[f"{prefix}-images-idx3-ubyte"] = struct.pack(">4i", 0x803, count, 28, 28) + images.tobytes()
        files[f"{prefix}-labels-idx1-ubyte"] = struct.pack(">2i", 0x801, count) + labels.tobytes()
    return files


@pytest.fixture(scope="session")
def tiny_packed(tiny_files):
    return {f"{name}.gz": gzip.compress(content, compresslevel=1) for name, content in tiny_files.items()}


@pytest.fixture
def tiny_is_mnist(monkeypatch, tiny_files):
    checksums = {name: hashlib.sha256(tiny_files[name]).hexdigest() for name in NAMES}
    monkeypatch.setattr(data, "MNIST_SHA256", checksums)


def raw(root):
    return root / "MNIST" / "raw"


@pytest.fixture
def tiny_root(tmp_path, tiny_files, tiny_is_mnist):
    root = tmp_path / "tiny"
    raw(root).mkdir(parents=True)
    for name, content in tiny_files.items():
        (raw(root) / name).write_bytes(content)
    return root


# ---- which digits ----


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_auto_without_mnist_takes_the_embedded_ones(no_network):
    assert du.load_digits().name == "mnist5k"


def test_auto_takes_mnist_from_the_cache(no_network, tiny_root, tmp_path):
    cache = tmp_path / "home" / ".cache"
    cache.mkdir(parents=True)
    tiny_root.rename(cache / "denoise_utils")
    assert du.load_digits().name == "mnist"


def test_auto_with_one_file_missing_takes_the_embedded_ones(no_network, tiny_root):
    (raw(tiny_root) / NAMES[2]).unlink()
    assert du.load_digits("auto", root=tiny_root).name == "mnist5k"


def test_data_root_variable(no_network, monkeypatch, tiny_root, tmp_path):
    monkeypatch.setenv("DENOISE_DATA_ROOT", str(tiny_root))
    assert du.load_digits().name == "mnist"
    assert du.load_digits(root=tmp_path / "elsewhere").name == "mnist5k"  # the argument comes first


def test_data_root_variable_knows_the_home_folder(no_network, monkeypatch, tiny_root, tmp_path):
    tiny_root.rename(tmp_path / "home")
    monkeypatch.setenv("DENOISE_DATA_ROOT", "~")
    assert du.load_digits().name == "mnist"


def test_data_variable(no_network, monkeypatch, tiny_root):
    monkeypatch.setenv("DENOISE_DATA", "mnist5k")
    assert du.load_digits(root=tiny_root).name == "mnist5k"
    assert du.load_digits("mnist", root=tiny_root).name == "mnist"  # the argument comes first


def test_empty_data_variable_is_like_none(no_network, monkeypatch):
    monkeypatch.setenv("DENOISE_DATA", "")
    assert du.load_digits().name == "mnist5k"


@pytest.mark.parametrize("source", ["mnist50k", "MNIST", None, 5])
def test_unknown_source(source):
    with pytest.raises(ValueError, match=f"unknown source {source!r}.*mnist5k"):
        du.load_digits(source)


def test_unknown_source_from_the_environment(monkeypatch):
    monkeypatch.setenv("DENOISE_DATA", "cifar")
    with pytest.raises(ValueError, match="'cifar'"):
        du.load_digits()


# ---- all of MNIST ----


def test_full_mnist(no_network, mnist_root):
    full = du.load_digits("auto", root=mnist_root)
    assert full.name == "mnist"
    assert [len(getattr(full, part)) for part in PARTS] == [55_000, 5_000, 10_000]
    for part in PARTS:
        split = getattr(full, part)
        assert split.images.shape == (len(split), 1, 28, 28) and split.images.dtype == torch.uint8
        assert split.labels.shape == (len(split),) and split.labels.dtype == torch.int64
    train, val, test = (set(pictures(getattr(full, part).images)) for part in PARTS)
    assert not (train & val or train & test or val & test)


def test_validation_is_the_end_of_the_training_images(tiny_root, tiny_files):
    digits = du.load_digits("mnist", root=tiny_root)
    images = b"".join(pictures(digits.train.images) + pictures(digits.val.images))
    assert [len(getattr(digits, part)) for part in PARTS] == [20, 5000, 10]
    assert images == tiny_files["train-images-idx3-ubyte"][16:]
    assert b"".join(pictures(digits.test.images)) == tiny_files["t10k-images-idx3-ubyte"][16:]
    assert bytes(digits.test.labels.tolist()) == tiny_files["t10k-labels-idx1-ubyte"][8:]


@pytest.mark.parametrize("source", ["mnist", "auto"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", ["one bit", "half"])
def test_damaged_file_is_named_and_not_used(no_network, tiny_root, source, name, damage):
    file = raw(tiny_root) / name
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content if damage == "one bit" else content[: len(content) // 2])
    with pytest.raises(du.DataError, match="damaged") as caught:
        du.load_digits(source, root=tiny_root)
    assert str(file) in str(caught.value) and 'du.load_digits("mnist5k")' in str(caught.value)


def test_unchecked_leftovers_of_old_torchvision_are_not_used(tiny_root, tiny_files):
    processed = tiny_root / "MNIST" / "processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        torch.save((torch.zeros(7000, 28, 28, dtype=torch.uint8), torch.zeros(7000).long()), processed / name)
    digits = du.load_digits("mnist", root=tiny_root)
    assert b"".join(pictures(digits.test.images)) == tiny_files["t10k-images-idx3-ubyte"][16:]


# ---- downloads, from a server of our own ----


@pytest.fixture(scope="module")
def collect_garbage():
    yield
    gc.collect()  # here, where its warnings are expected, not in the middle of another module's test


@pytest.fixture
def serve(monkeypatch, collect_garbage):
    """``serve(files, answer)``: torchvision's MNIST comes from a local server; ``answer(handler, body)`` sends one."""
    from torchvision.datasets import MNIST

    servers = []

    def start(files, answer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                answer(self, files[self.path.rpartition("/")[2]])

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *args: None  # a client that hangs up is part of the test
        server.closing = threading.Event()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        checksums = [(f"{name}.gz", hashlib.md5(files[f"{name}.gz"]).hexdigest()) for name in NAMES]
        monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        monkeypatch.setattr(MNIST, "resources", checksums)
        monkeypatch.setenv("no_proxy", "127.0.0.1")

    yield start
    for server, thread in servers:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def send(handler, body, length=None):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def truncated(handler, body):
    send(handler, body[: len(body) // 2], length=len(body))


def other_content(handler, body):
    send(handler, gzip.compress(b"not the digits"))


def silent(handler, body):
    handler.server.closing.wait(10)


def stalling(handler, body):
    truncated(handler, body)
    handler.server.closing.wait(10)


def forbidden(handler, body):
    handler.send_error(403)


def html_page(handler, body):
    send(handler, b"<html>Please log in to the hotel's network.</html>")


def no_http(handler, body):
    handler.wfile.write(b"220 this is no web server\r\n")


def last_file_missing(handler, body):
    forbidden(handler, body) if "t10k-labels" in handler.path else send(handler, body)


def check_failure(root, reason, printed=lambda: ""):
    with pytest.raises(du.DataError) as caught:
        du.load_digits("mnist", root=root)
    text = str(caught.value)
    # torchvision before 0.21 prints what happened, and its error names only the file
    assert re.search(reason, text) or ("Error downloading" in text and re.search(reason, printed()))
    assert str(root) in text and text.count('du.load_digits("mnist5k")') == 1
    check_nothing_left(root)


def check_nothing_left(root):
    assert not [path for path in root.rglob("*") if path.is_file() or path.name.startswith(".download-")]


def test_download(serve, tiny_packed, tiny_files, tiny_is_mnist, tmp_path, capsys):
    serve(tiny_packed, send)
    root = tmp_path / "new" / "folder"
    digits = du.load_digits("mnist", root=root)
    assert len(digits.test) == 10 and "downloaded" in digits.why
    assert {path.name: path.read_bytes() for path in raw(root).iterdir()} == tiny_files
    assert [path.name for path in root.iterdir()] == ["MNIST"]
    assert capsys.readouterr().out.count(f"to {root}\n") == 1
    assert "found" in du.load_digits("mnist", root=root).why


def test_download_where_the_first_home_is_gone(monkeypatch, serve, tiny_packed, tiny_files, tiny_is_mnist, tmp_path):
    from torchvision.datasets import MNIST

    serve(tiny_packed, lambda *request: (html_page if "yann.lecun.com" in request[0].path else send)(*request))
    monkeypatch.setattr(MNIST, "mirrors", [f"{MNIST.mirrors[0]}yann.lecun.com/", *MNIST.mirrors])
    du.load_digits("mnist", root=tmp_path)
    assert {path.name: path.read_bytes() for path in raw(tmp_path).iterdir()} == tiny_files


def test_download_of_the_real_files(serve, mnist_root, tmp_path):
    files = {f"{name}.gz": gzip.compress((raw(mnist_root) / name).read_bytes(), compresslevel=1) for name in NAMES}
    serve(files, send)
    downloaded, known = du.load_digits("mnist", root=tmp_path), du.load_digits("mnist", root=mnist_root)
    for part in PARTS:
        assert torch.equal(getattr(downloaded, part).images, getattr(known, part).images)
        assert torch.equal(getattr(downloaded, part).labels, getattr(known, part).labels)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (truncated, "corrupted"),
        (other_content, "corrupted"),
        (html_page, "corrupted"),
        (silent, "timed out"),
        (stalling, "timed out"),
        (forbidden, "403"),
        (last_file_missing, "403"),
        (no_http, "this is no web server"),
    ],
)
def test_failed_download(serve, monkeypatch, tiny_packed, tiny_is_mnist, tmp_path, capsys, answer, reason):
    serve(tiny_packed, answer)
    with monkeypatch.context() as patch:
        if reason == "timed out":
            patch.setattr(data, "SERVER_TIMEOUT", 0.5)
        check_failure(tmp_path, reason, lambda: capsys.readouterr().out)
    serve(tiny_packed, send)
    assert du.load_digits("mnist", root=tmp_path).name == "mnist"  # nothing stands in the way of a second try


def test_download_with_our_checksum_wrong(serve, monkeypatch, tiny_packed, tiny_is_mnist, tmp_path):
    serve(tiny_packed, send)
    monkeypatch.setitem(data.MNIST_SHA256, NAMES[1], "0" * 64)
    check_failure(tmp_path, NAMES[1])


def test_download_without_a_server(monkeypatch, serve, tiny_packed, tmp_path, capsys):
    from torchvision.datasets import MNIST

    serve(tiny_packed, send)
    with socket.socket() as free:  # bound, but nobody listens
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{free.getsockname()[1]}/"])
        check_failure(tmp_path, "refused", lambda: capsys.readouterr().out)


def test_download_to_a_full_disk(serve, tiny_packed, tiny_is_mnist, mount):
    serve(tiny_packed, send)
    check_failure(mount("size=1m"), "No space left")


def test_download_when_writing_fails(serve, monkeypatch, tiny_packed, tiny_is_mnist, tmp_path):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    serve(tiny_packed, send)
    monkeypatch.setattr("torchvision.datasets.utils._urlretrieve", full)
    check_failure(tmp_path, "No space left")


def test_download_to_a_read_only_folder(serve, tiny_packed, tiny_is_mnist, mount):
    serve(tiny_packed, send)
    check_failure(mount("ro"), "Read-only")


def test_download_below_a_file(serve, tiny_packed, tiny_is_mnist, tmp_path):
    serve(tiny_packed, send)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(du.DataError, match="Not a directory"):
        du.load_digits("mnist", root=tmp_path / "file" / "below")
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "mine"


def test_interrupted_download(serve, tiny_packed, tiny_is_mnist, tmp_path):
    once = threading.Lock()  # torchvision asks twice for a file: for its address, then for its content

    def stop_button(handler, body):
        truncated(handler, body)
        if not handler.server.closing.wait(0.2) and once.acquire(blocking=False):  # now the client waits for the rest
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        handler.server.closing.wait(10)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        serve(tiny_packed, stop_button)
        with pytest.raises(KeyboardInterrupt):
            du.load_digits("mnist", root=tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    check_nothing_left(tmp_path)
    assert socket.getdefaulttimeout() is None


# ---- floats, checks and batches ----


def test_to_float():
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    result = du.to_float(images)
    assert result.dtype == torch.float32 and result.shape == images.shape
    assert torch.equal(result, torch.arange(256).view(1, 1, 16, 16) / 255)
    assert du.to_float(result) is result


@pytest.mark.parametrize("dtype", [torch.int64, torch.int8, torch.bool])
def test_to_float_refuses_other_types(dtype):
    with pytest.raises(TypeError, match=str(dtype)):
        du.to_float(torch.ones(1, 1, 2, 2, dtype=dtype))


@pytest.mark.parametrize(
    ("images", "error", "phrase"),
    [
        (np.zeros((2, 1, 28, 28)), TypeError, "ndarray"),
        (torch.zeros(2, 28, 28), ValueError, r"\[2, 28, 28\]"),
        (torch.zeros(2, 3, 28, 28), ValueError, r"\[2, 3, 28, 28\]"),
        (torch.zeros(0, 1, 28, 28), ValueError, r"\[0, 1, 28, 28\]"),
        (torch.zeros(2, 1, 0, 28), ValueError, r"\[2, 1, 0, 28\]"),
        (torch.zeros(2, 1, 28, 28).long(), TypeError, "int64"),
        (torch.zeros(2, 1, 28, 28).bool(), TypeError, "bool"),
        (torch.full((2, 1, 28, 28), 255.0), ValueError, "255"),
        (torch.full((2, 1, 28, 28), -0.5), ValueError, "-0.5"),
        (torch.full((2, 1, 28, 28), float("nan")), ValueError, "nan"),
    ],
)
def test_check_images(images, error, phrase):
    with pytest.raises(error, match=phrase):
        inputs.require_images(images)


def numbered(count):
    return torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2)


def values(parts):
    return (torch.cat(parts)[:, 0, 0, 0] * 255).round().int().tolist()


@pytest.mark.parametrize(("size", "sizes"), [(1, [1] * 10), (4, [4, 4, 2]), (5, [5, 5]), (10, [10]), (99, [10])])
@pytest.mark.parametrize("shuffled", [False, True])
def test_batches_hold_every_image_once(size, sizes, shuffled):
    generator = torch.Generator().manual_seed(0) if shuffled else None
    parts = list(du.batches(numbered(10), size, generator))
    assert [len(part) for part in parts] == sizes
    assert all(part.dtype == torch.float32 and part.shape[1:] == (1, 2, 2) for part in parts)
    assert sorted(values(parts)) == list(range(10))
    assert (values(parts) == list(range(10))) is not shuffled


def test_shuffling_follows_the_generator():
    generator = torch.Generator().manual_seed(0)
    first, second = (values(list(du.batches(numbered(100), 8, generator))) for _ in range(2))
    assert first != second
    assert values(list(du.batches(numbered(100), 8, generator.manual_seed(0)))) == first


@pytest.mark.parametrize("size", [0, -1, 2.5, "a", None, float("nan"), True])
def test_bad_batch_size(size):
    with pytest.raises(ValueError, match=f"batch_size is {size!r}"):
        list(du.batches(numbered(10), size))
