"""Lesson 04b: the optimizers, and how the learning rate moves."""

__all__ = ["Muon", "orthogonalize", "make_optimizers", "one_cycle"]

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from .inputs import require_choice, require_number
from .processes import ALONE, Team

MUON_LR = 0.05  # the peak; chosen on validation images
ADAMW_SHARE = 0.16  # AdamW's rate as a share of Muon's: 8e-3 beside 0.05
FUSED = True if torch.__version__ >= "2.5" else None  # AdamW in one pass over the weights; earlier not on every device


def orthogonalize(matrix: Tensor, rounds: int = 4) -> Tensor:
    """A nearby matrix whose directions count far more alike, by Newton–Schulz iteration: matrix products only. After four
    rounds the larger half of a gradient's singular values lie within a factor of two; what was tiny stays small (lesson 04b).
    Coefficients: K. Jordan, "Muon: an optimizer for hidden layers", 2024.

    matrix: float ``[m, n]``, or several of one shape at once, ``[..., m, n]``. Returns the same shape.

    Lesson 04b, "What Muon does"."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix / (matrix.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    for _ in range(rounds):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """SGD with momentum whose update is orthogonalized, so that rare directions are not lost beside common ones.

    For weights of two or more dimensions, each taken as a matrix, first dimension by everything else: torch's own Muon
    refuses the 4-D weights of a convolution. Weights of one shape are orthogonalized together: fewer, larger products.

    Lesson 04b, "What Muon does"."""

    def __init__(self, params, lr: float = MUON_LR, momentum: float = 0.8):
        lr, momentum = require_number("lr", lr), require_number("momentum", momentum, high=0.9999)
        super().__init__(params, {"lr": lr, "momentum": momentum})

    def add_param_group(self, group: dict) -> None:
        super().add_param_group(group)
        for weight in self.param_groups[-1]["params"]:
            if weight.ndim < 2 or not weight.is_floating_point():
                found = f"{list(weight.shape)}, {weight.dtype}"
                raise ValueError(f"a weight is {found}: Muon needs two dimensions or more, float; AdamW takes the rest")

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """One step. closure: as for torch's optimizers, a function that finds the loss and its gradients anew."""
        with torch.enable_grad():
            loss = closure() if closure is not None else None
        for group in self.param_groups:
            alike = defaultdict(list)  # shape → pairs (weight, direction)
            for weight in group["params"]:
                if weight.grad is not None:
                    state = self.state[weight]
                    average = state["momentum"] if state else torch.zeros_like(weight)
                    state["momentum"] = average.lerp_(weight.grad, 1 - group["momentum"])
                    ahead = weight.grad.lerp(average, group["momentum"])  # Nesterov: look one step ahead
                    alike[weight.shape].append((weight, ahead.flatten(1)))
            for pairs in alike.values():
                updates = orthogonalize(torch.stack([direction for _, direction in pairs]))
                scale = max(1.0, updates.shape[1] / updates.shape[2]) ** 0.5
                for (weight, _), update in zip(pairs, updates, strict=True):
                    weight.add_(update.view(weight.shape), alpha=-group["lr"] * scale)
        return loss


def make_optimizers(model: nn.Module, optimizer: str = "muon", lr: float | None = None) -> list[torch.optim.Optimizer]:
    """``"muon"``: Muon for the weights of convolutions and linear layers (parameters named ``weight``, of two or more
    dimensions), AdamW for the rest. ``"adamw"``: AdamW for all.

    lr: the peak rate, above 0; ``None``: 0.05 for Muon (AdamW beside it gets 0.16 of that), 0.008 for AdamW alone.

    Lesson 04b, "What Muon does"."""
    require_choice("optimizer", optimizer, ("muon", "adamw"))
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not trained:
        raise ValueError(f"{type(model).__name__} has no parameter to train: is it frozen?")
    default = MUON_LR * (ADAMW_SHARE if optimizer == "adamw" else 1)
    lr = default if lr is None else require_number("lr", lr, above=True)
    if optimizer == "adamw":
        return [torch.optim.AdamW(trained.values(), lr=lr, weight_decay=0.0, fused=FUSED)]
    matrices = {name: p for name, p in trained.items() if p.ndim >= 2 and name.rpartition(".")[2] == "weight"}
    rest = [p for name, p in trained.items() if name not in matrices]
    made = [Muon(matrices.values(), lr=lr)] if matrices else []
    return made + ([torch.optim.AdamW(rest, lr=lr * ADAMW_SHARE, weight_decay=0.0, fused=FUSED)] if rest else [])


def one_cycle(done: float, warmup: float = 0.15) -> float:
    """The share of the peak learning rate when a share ``done`` of the training is over: up in a line, down in a line.

    Lesson 04b, "A ladder of ideas"."""
    return min(done / warmup, (1 - done) / (1 - warmup))


SCHEDULES = {"one-cycle": one_cycle, "constant": lambda done: 1.0}


def set_lr(optimizers: list[torch.optim.Optimizer], share: float) -> None:
    """Set each learning rate to its peak, the one it was made with, times ``share``."""
    for one in optimizers:
        for group in one.param_groups:
            group["lr"] = share * group.setdefault("peak", group["lr"])


def scheduled(batches: Iterable, optimizers: list, total: int, schedule: str = "one-cycle", done: int = 0) -> Iterator:
    """The batches, one for each step that is left; before each the learning rates take their place in the schedule.

    total: steps of the whole training. done: how many of them are over.
    """
    for step, batch in zip(range(done, total), batches, strict=False):
        set_lr(optimizers, SCHEDULES[schedule]((step + 0.5) / total))
        yield batch


def apply_gradients(loss: Tensor, optimizers: list[torch.optim.Optimizer], team: Team = ALONE) -> Tensor:
    """Forget the old gradients, find the new ones, take a step with each optimizer. Returns the loss, detached.

    team: the loss is this process's part of a sum over all of its processes, so its gradients and the loss are summed too.
    """
    for one in optimizers:
        one.zero_grad()
    loss.backward()
    loss = loss.detach()
    weights = (weight for one in optimizers for group in one.param_groups for weight in group["params"])
    team.add_up([loss, *(weight.grad for weight in weights if weight.grad is not None)])
    for one in optimizers:
        one.step()
    return loss
