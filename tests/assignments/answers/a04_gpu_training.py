"""Typical wrong answers of assignment 04: code, points that a fair person would give, a phrase that the student reads."""


def batch(formula):
    return f"""
import math
cpu, cpu_image, gpu, gpu_image = (mine[x] for x in ("cpu_step", "cpu_picture", "gpu_step", "gpu_picture"))
equal = (gpu - cpu) / (cpu_image - gpu_image)
my_batch = {formula}
"""


def mean_loss(result="summed / len(clean)", add="F.mse_loss(network(x), y).item() * len(y)", first="network.eval()"):
    """A solution with one part replaced."""
    return f"""
def mean_loss(network, noisy, clean, batch_size):
    {first}
    summed, seen, losses = 0.0, 0, []
    with torch.no_grad():
        for x, y in zip(noisy.split(batch_size), clean.split(batch_size), strict=True):
            losses.append(F.mse_loss(network(x), y).item() if len(x) else 0)
            summed += {add}
            seen += len(y)
    return {result}
"""


LOOP = """
def train(network, batches, held_out, lr):
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9)
    losses, held_out_losses = [], []
    for noisy, clean in batches:
        network.train()
        loss = F.mse_loss(network(noisy), clean)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        network.eval()
        with torch.no_grad():
            held_out_losses.append(F.mse_loss(network(held_out[0]), held_out[1]).item())
    return losses, held_out_losses
"""


def train(*changes):
    """The right loop with pieces replaced: (old, new), ..."""
    code = LOOP
    for old, new in changes:
        assert old in code, old
        code = code.replace(old, new)
    return code


def lines(*names):
    parts = {
        "zero": "        optimizer.zero_grad()\n",
        "back": "        loss.backward()\n",
        "step": "        optimizer.step()\n",
    }
    return "".join(parts.values()), "".join(parts[name] for name in names)


def gradients(loss="F.mse_loss(network(x), y) * len(y) / len(clean)", inside="pass", end="", pick="parameter.grad"):
    return f"""
def gradients(network, noisy, clean, most):
    network.zero_grad()
    pieces = list(zip(noisy.split(most), clean.split(most), strict=True))
    for x, y in pieces:
        {inside}
        loss = {loss}
        loss.backward()
    {end or "pass"}
    return [{pick} for parameter in network.parameters()]
"""


WRONG = {
    "batch": [
        ("my_batch = ...", 0, "not answered yet"),
        (batch("math.floor(equal)"), 0, "its neighbours"),
        (batch("equal"), 0, "whole number of pictures"),
        (batch("round(equal, 1)"), 0, "whole number of pictures"),
        (batch("math.ceil((gpu - cpu) / cpu_image)"), 0, "On the GPU a picture costs something"),
        (batch("gpu / (cpu_image - gpu_image)"), 0, "CPU's step has a fixed cost"),
        (batch("math.ceil(gpu / cpu_image)"), 0, "Both devices"),
        (batch("math.ceil((gpu - cpu) / (cpu_image + gpu_image))"), 0, "Costs do not add"),
        (batch("math.ceil((gpu + cpu) / (cpu_image - gpu_image))"), 0, "won back"),
        (batch("gpu / cpu"), 0, "fixed parts only"),
        (batch("math.ceil(cpu_image / gpu_image)"), 0, "pictures' parts only"),
        (batch("0"), 0, "with one picture on each"),
        (batch("'twenty'"), 0, "should be a number"),
        (batch("float('nan')"), 0, "finite"),
    ],
    "mean_loss": [
        ("def mean_loss(network, noisy, clean, batch_size):\n    pass", 0, "returned nothing"),
        (mean_loss(first="pass"), 0, "training mode"),
        (mean_loss(first="network.train()"), 0, "training mode"),
        (mean_loss("sum(losses) / len(losses)"), 1, "mean of the batch means"),
        (mean_loss("summed / len(losses)"), 0, "tutorial's mistake"),
        (mean_loss("sum(losses) * batch_size / len(clean)"), 0, "counted as a full one"),
        (mean_loss("summed"), 0, "That is a sum"),
        (mean_loss("sum(losses)"), 0, "That is a sum"),
        (mean_loss("losses"), 0, "one number for all pictures"),
        (mean_loss("losses[-1]"), 0, "last batch alone"),
        (mean_loss("losses[0]"), 0, "first batch alone"),
        (mean_loss("(summed / len(clean)) ** 0.5"), 0, "root"),
        (mean_loss(add="F.mse_loss(network(x), y, reduction='sum').item()"), 0, "sum over pixels"),
        (mean_loss("sum(losses[:-1]) / (len(losses) - 1)"), 0, "short last batch is missing"),
        (mean_loss(add="F.l1_loss(network(x), y).item() * len(y)"), 0, "mean over all ten"),
        (mean_loss(add="(network(x) - y).square().mean() * y", result="summed.sum()"), 0, r"Error|ten pictures"),
        # right in the check, and not in the hidden tests
        (
            "def mean_loss(network, noisy, clean, batch_size):\n"
            "    network.eval()\n    return F.mse_loss(network(noisy), clean).item()",
            2,
            "out of memory",
        ),
        (
            "def mean_loss(network, noisy, clean, batch_size):\n    network.eval()\n"
            "    parts = noisy.split(4), clean.split(4)\n"
            "    return sum(F.mse_loss(network(x), y).item() * len(y) for x, y in zip(*parts)) / len(clean)",
            2,
            "out of memory",
        ),
        (mean_loss(add="F.mse_loss(network(x).clamp(0, 1), y).item() * len(y)"), 2, "the mean over all is"),
        (mean_loss("summed / 10"), 2, "11 pictures in batches of"),
        (mean_loss(first="network.eval(); noisy.mul_(1.0); clean.clamp_(0, 0.5)"), 2, "the mean over all is|must not change"),
    ],
    "train": [
        ("def train(network, batches, held_out, lr):\n    pass", 0, "returned nothing"),
        (train(lines("back", "step")), 0, "Old gradients add up"),
        (train(lines("back", "zero", "step")), 0, "never moves"),
        (train(lines("zero", "step", "back")), 0, "never moves"),
        (train(lines("zero", "back")), 0, "never moves"),
        (train(lines("zero", "step")), 0, "never moves"),
        (train(lines("step", "zero", "back")), 0, "batch before"),
        (train((", momentum=0.9", "")), 0, "no memory"),
        (
            train(
                ("    optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9)\n", ""),
                ("        network.train()\n", "        network.train()\n        optimizer = torch.optim.SGD("
                 "network.parameters(), lr=lr, momentum=0.9)\n"),
            ),
            0,
            "no memory",
        ),
        (train(("        network.eval()\n", "")), 0, "measured in training mode"),
        (train(("        network.train()\n", ""), ("    losses, held", "    network.train()\n    losses, held")), 0,
         "left it so"),
        (train(("SGD", "Adam"), (", momentum=0.9", "")), 0, "That is Adam"),
        (train(("F.mse_loss(network(noisy), clean)", "F.mse_loss(network(clean), noisy)")), 0, "which one is the target"),
        (train(("network(noisy), clean)", "network(noisy), clean, reduction='sum')")), 0, "a sum"),
        (train(("losses.append(loss.item())", "losses.append(loss.item() * len(clean))")), 0, "do not multiply"),
        (train(("losses.append(loss.item())", "losses.append(F.mse_loss(network(noisy), clean).item())")), 0,
         "before the step"),
        (train(("return losses, held_out_losses", "return held_out_losses, losses")), 0, "wrong order"),
        (train(("return losses, held_out_losses", "return losses")), 0, "two lists"),
        (train(("return losses, held_out_losses", "return losses, held_out_losses[-1:]")), 0, "three losses"),
        (train(("    return", "    losses, held_out_losses = losses[:1], held_out_losses[:1]\n    return")), 0, "three losses"),
        (train(("    return", "        break\n    return")), 0, "three losses"),
        (train(("network(held_out[0]), held_out[1]", "network(held_out[1]), held_out[0]")), 0, "Not all of these"),
        (train(("        network.train()\n", "")), 0, "left it so"),
        # right in the check, and not in the hidden tests
        (train(("        network.train()\n", ""),
               ("    return", "        network.train()\n    return")), 4, "comes in eval mode"),
        (train(("lr=lr", "lr=0.1")), 4, "lr 0.01"),
        (train(("network.parameters(), lr", "list(network.parameters())[:1], lr")), 3, "lr 0.01, training losses: expected"),
        (train(("held_out_losses.append(F.mse_loss(network(held_out[0]), held_out[1]).item())",
                "held_out_losses.append(F.mse_loss(network(held_out[0]).clamp(0, 1), held_out[1]).item())")), 3,
         "held-out losses"),
        (train(("    return", "    loss.item()\n    return")), 4, "Error"),
    ],
    "gradient": [
        ("def gradients(network, noisy, clean, most):\n    pass", 0, "returned nothing"),
        (
            "def gradients(network, noisy, clean, most):\n    F.mse_loss(network(noisy), clean).backward()\n"
            "    return [p.grad for p in network.parameters()]",
            0,
            "out of memory",
        ),
        (gradients("F.mse_loss(network(x), y)"), 0, "twice too long"),
        (gradients("F.mse_loss(network(x), y) * len(y)"), 0, "Eight times too long"),
        (gradients("F.mse_loss(network(x), y, reduction='sum')"), 0, "sum over all pixels"),
        (gradients("F.mse_loss(network(x), y) * len(y) / len(clean) / len(pieces)"), 0, "divided twice"),
        (gradients("F.mse_loss(network(x), y)", inside="network.zero_grad()"), 0, "last piece alone"),
        (gradients(inside="network.zero_grad()"), 0, "first one is forgotten"),
        (gradients().replace("in pieces", "in pieces[:1]"), 0, "first piece alone"),
        (gradients(end="network.zero_grad()"), 0, "its parameter; yours are"),
        (gradients(pick="parameter.grad * 0"), 0, "all zero"),
        (gradients(pick="parameter"), 0, "the parameters, not their gradients"),
        (gradients(pick="-parameter.grad"), 0, "sign"),
        (gradients(pick="parameter.grad.flatten()"), 0, "shape of its parameter"),
        (gradients().replace("network.parameters()]", "list(network.parameters())[:2]]"), 0, "one for each parameter"),
        (gradients("F.l1_loss(network(x), y) * len(y) / len(clean)"), 0, "not the gradients of the MSE"),
        (gradients("F.mse_loss(network(y), x) * len(y) / len(clean)"), 0, "not the gradients of the MSE"),
        # right in the check, and not in the hidden tests
        (gradients("F.mse_loss(network(x), y) / len(pieces)"), 3, "in pieces of 3: not the gradient of all"),
        (gradients("F.mse_loss(network(x), y) * most / len(clean)"), 3, "in pieces of 3: not the gradient of all"),
        (gradients("F.mse_loss(network(x), y) / 2"), 2, "in pieces of 1"),
        (gradients().replace("noisy.split(most)", "noisy.split(4)").replace("clean.split(most)", "clean.split(4)"), 2,
         "out of memory"),
        (gradients("F.mse_loss(network(x), y, reduction='sum') / 288"), 2, "not the gradient of all together"),
    ],
}  # fmt: skip


OTHER_RIGHT = {
    "batch": [
        batch("math.ceil(equal)"),
        batch("next(n for n in range(1, 10_000) if gpu + gpu_image * n < cpu + cpu_image * n)"),
        batch("torch.tensor(int(equal) + 1)"),
    ],
    "mean_loss": [
        mean_loss(add="(network(x) - y).square().mean(dim=(1, 2, 3)).sum().item()"),
        """
def mean_loss(network, noisy, clean, batch_size):
    network.eval()
    with torch.inference_mode():
        answers = torch.cat([network(part) for part in torch.split(noisy, batch_size)])
    return F.mse_loss(answers, clean)
""",
        """
from torch.utils.data import DataLoader, TensorDataset
@torch.no_grad()
def mean_loss(network, noisy, clean, batch_size):
    network.train(False)
    summed = sum(F.mse_loss(network(x), y, reduction="sum") for x, y in DataLoader(TensorDataset(noisy, clean), batch_size))
    return (summed / clean.numel()).item()
""",
        """
def mean_loss(network, noisy, clean, batch_size):
    network.eval()
    errors = []
    for start in range(0, len(clean), batch_size):
        part = slice(start, start + batch_size)
        errors.append(du.mse(network(noisy[part]), clean[part]).detach())
    return torch.cat(errors).mean().item()
""",
    ],
    "train": [
        train(("        optimizer.zero_grad()\n", ""), ("        optimizer.step()\n", "        optimizer.step()\n"
              "        optimizer.zero_grad()\n")),
        train(("F.mse_loss(network(noisy), clean)", "nn.MSELoss()(network(noisy), clean)"),
              ("optimizer.zero_grad()", "network.zero_grad()")),
        train(("        losses.append(loss.item())\n", ""), ("        loss.backward()\n",
              "        loss.backward()\n        losses.append(loss.detach())\n"),
              ("return losses,", "return [*map(float, losses)],")),
        '''
def train(network, batches, held_out, lr):
    optimizer = torch.optim.SGD(network.parameters(), lr, momentum=0.9)
    losses, held_out_losses = [], []
    for noisy, clean in batches:
        losses.append(du.train_step(network.train(), clean, noisy, [optimizer]).item())
        network.eval()
        with torch.inference_mode():
            held_out_losses.append(du.mse(network(held_out[0]), held_out[1]).mean().item())
    return losses, held_out_losses
''',
    ],
    "gradient": [
        gradients("F.mse_loss(network(x), y, reduction='sum') / clean.numel()"),
        """
def gradients(network, noisy, clean, most):
    weights = list(network.parameters())
    total = [torch.zeros_like(weight) for weight in weights]
    for start in range(0, len(clean), most):
        x, y = noisy[start : start + most], clean[start : start + most]
        for one, more in zip(total, torch.autograd.grad(F.mse_loss(network(x), y), weights)):
            one += more * len(x) / len(noisy)
    return total
""",
        """
def gradients(network, noisy, clean, most):
    for parameter in network.parameters():
        parameter.grad = None
    for x, y in zip(noisy.split(most), clean.split(most)):
        (du.mse(network(x), y).sum() / len(clean)).backward()
    return tuple(parameter.grad.clone() for parameter in network.parameters())
""",
    ],
}  # fmt: skip
