"""Several processes train one network: under PyTorch's own launcher, on two CPU processes over gloo."""

import os
import socket
import subprocess
import sys
import textwrap

import pytest
import torch

from denoise_utils.processes import Team, my_team

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="torchrun is tested on Linux and macOS")
TRAIN = """
    import os, sys, torch
    import denoise_utils as du
    from denoise_utils.processes import my_team
    images = du.load_digits("mnist5k").train.images[:104]  # the last batch is shorter: 8 of 16
    seen = []
    class Noise(du.GaussianNoise):
        def __call__(self, clean, generator=None):
            seen.append(clean)
            {trouble}
            return super().__call__(clean, generator)
    def train():
        torch.manual_seed(int(os.environ.get("RANK", 0)))  # different weights at first: those of process 0 count
        model = du.TinyDenoiser()
        history = du.fit(model, images, Noise(0.5), epochs=2, batch_size={batch_size}, val_images=images[:20],
            checkpoint=sys.argv[1] + "/training.pt", device="cpu", progress=False)
        return model.state_dict(), history.loss, history.val_loss
    first = train()
    again = train()  # finished already: read from the checkpoint, by all
    torch.save([first, again, torch.cat(seen)], sys.argv[1] + "/out" + str(my_team().rank))
"""


def start(folder, launcher=(), *, batch_size=16, trouble="pass", **environment):
    folder.mkdir(exist_ok=True)
    script = folder / "train it.py"  # people's folders have spaces in their names
    script.write_text(textwrap.dedent(TRAIN.format(batch_size=batch_size, trouble=trouble)))
    env = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    command = [sys.executable, *launcher, str(script), str(folder)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    try:
        _, errors = process.communicate(timeout=150)  # longer than the processes wait for each other
    finally:
        process.kill()
    return process.returncode, errors


TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]


def test_two_processes_do_what_one_does(tmp_path):
    for folder, launcher in {"alone": [], "team": TORCHRUN}.items():
        code, errors = finish(start(tmp_path / folder, launcher))
        assert code == 0, errors
    (weights, loss, val_loss), _, seen = torch.load(tmp_path / "alone" / "out0")
    for rank in (0, 1):
        first, again, they_saw = torch.load(tmp_path / "team" / f"out{rank}")
        assert torch.equal(they_saw, seen)
        for their_weights, their_loss, their_val_loss in (first, again):
            assert their_loss == pytest.approx(loss, rel=1e-4) and their_val_loss == pytest.approx(val_loss, rel=1e-3)
            for name, value in weights.items():
                assert torch.allclose(their_weights[name], value, atol=1e-3), name
    assert sorted(os.listdir(tmp_path / "team")) == ["out0", "out1", "train it.py", "training.pt"]


def test_a_process_that_fails_stops_the_others(tmp_path):
    trouble = "if my_team().rank == 1 and len(seen) == 3: raise MemoryError('no room')"
    code, errors = finish(start(tmp_path, TORCHRUN, trouble=trouble))
    assert code != 0 and "MemoryError: no room" in errors


def test_the_survivor_says_what_happened(tmp_path):
    """Without torchrun's watch: the process that is left does not wait for ever, and names the cause."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meet = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
        meet["TORCHELASTIC_RUN_ID"] = "as if by torchrun"
    trouble = "if my_team().rank == 1 and len(seen) == 3: os._exit(7)"
    (code, errors), (other, _) = map(
        finish, [start(tmp_path, trouble=trouble, RANK=str(rank), **meet) for rank in (0, 1)]
    )
    assert other == 7
    assert code != 0 and "process 0 of 2 cannot reach the others: one has ended" in errors


def test_a_last_batch_that_is_too_small_to_share(tmp_path):
    code, errors = finish(start(tmp_path, TORCHRUN, batch_size=103))
    assert code != 0 and "2 processes cannot share the last batch, of 1: choose another batch_size" in errors


def test_alone_nothing_changes():
    assert my_team() == Team(rank=0, size=1)
    tensor = torch.ones(2)
    my_team().add_up([tensor])
    assert torch.equal(tensor, torch.ones(2))
    assert not torch.distributed.is_initialized()
