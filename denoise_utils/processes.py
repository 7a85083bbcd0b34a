"""Lesson 04c: several processes train one network. Each draws the same batch and the same noise, and takes its own rows;
the gradients are summed, so that all of them take the step that one process would take, within rounding. (Layers that
look at the whole batch or draw by chance, batch norm and dropout, see their own rows only.)

The launcher is PyTorch's: ``torchrun --nproc_per_node=2 train.py``. In a program that it did not start, nothing here does
anything.
"""

import atexit
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Team:
    """The processes that train one network together. rank: which of them this one is; 0 is the first, which shows the
    progress and writes the checkpoint. size: how many they are."""

    rank: int = 0
    size: int = 1

    def require_shares(self, images: int, batch_size: int) -> None:
        """Raise ``ValueError`` unless every batch, the last one too, has at least one image for each process."""
        last = images % batch_size or batch_size
        if last < self.size:
            raise ValueError(f"{self.size} processes cannot share the last batch, of {last}: choose another batch_size")

    def share(self, batch: Tensor) -> Tensor:
        """This process's own rows of a batch."""
        return batch[self.rank :: self.size]

    def copy_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite each tensor with the first process's."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes. Raises ``RuntimeError`` if another process has ended
        (over NCCL, PyTorch ends this process after its time-out instead)."""
        if self.size == 1:
            return
        together = torch.cat([tensor.flatten() for tensor in tensors])  # one message instead of one for each tensor
        try:
            dist.all_reduce(together)
        except RuntimeError as error:
            reason = "one has ended, see its error, or this device cannot be shared"
            raise RuntimeError(f"process {self.rank} of {self.size} cannot reach the others: {reason}") from error
        for tensor, part in zip(tensors, together.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def wait(self) -> None:
        """Go on when all processes have come to this line."""
        self.add_up([torch.zeros(1)])


ALONE = Team()


def my_team() -> Team:
    """The team that this process belongs to; ``ALONE`` if it has met no other."""
    together = dist.is_available() and dist.is_initialized()
    return Team(dist.get_rank(), dist.get_world_size()) if together else ALONE


def join_team() -> Team:
    """If torchrun started this program, meet its other processes: each with a GPU of its own, where there are enough."""
    if dist.is_available() and dist.is_torchelastic_launched() and not dist.is_initialized():
        gpus = torch.cuda.device_count()
        if gpus:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)) % gpus)
        backend = None if gpus or torch.__version__ >= "2.6" else "gloo"  # earlier None asked for NCCL without GPUs too
        dist.init_process_group(backend, timeout=timedelta(minutes=2))  # gloo for the CPU, NCCL for GPUs
        atexit.register(lambda: dist.destroy_process_group() if dist.is_initialized() else None)
    return my_team()
