"""Typical wrong answers of assignment 03: code, points that a fair person would give, a phrase that the student reads."""


def size(formula):
    names = "n, k, s, p, o = (mine[x] for x in ('side', 'kernel', 'stride', 'padding', 'output_padding'))"
    return f"{names}\nmy_size = {formula}"


def sides(conv="(side + 2 * p - k) // s + 1", pool=None, t_conv="(side - 1) * s + k - 2 * p", stop="break", first="[]"):
    """A solution with one part replaced."""
    return f"""
import math
def sides(side, layers):
    found = {first}
    for kind, k, s, p in layers:
        if kind == "t_conv":
            side = {t_conv}
        elif kind == "pool":
            side = {pool or conv}
        else:
            side = {conv}
        if side < 1:
            {stop}
        found.append(side)
    return found
"""


def field(loop, start="width, apart = 1, 1", end="return width"):
    return f"""
def field(layers):
    {start}
    for kernel, stride in layers:
        {loop}
    {end}
"""


TRAIN = """
def train(network):
    du.fit(network, digits.train.images[:1000], noise, steps=100, device="cpu", progress=False)
"""


def network(forward, channels=8, zero="self.conv2", first="nn.Conv2d(1, {c}, 3, padding=1)", more="pass"):
    """A residual network with one part replaced."""
    zeros = "".join(f"\n        nn.init.zeros_({z}.weight); nn.init.zeros_({z}.bias)" for z in zero.split() if z)
    return f"""
class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = {first.format(c=channels)}
        self.conv2 = nn.Conv2d({channels}, 1, 3, padding=1){zeros}
        {more}

    def forward(self, noisy):
        added = self.conv2(F.relu(self.conv1(noisy)))
        return {forward}

def make_network():
    return Mine()
{TRAIN}"""


WRONG = {
    "size": [
        ("my_size = ...", 0, "not answered yet"),
        (size("(n - 1) * s + k"), 0, "without padding and output_padding"),
        (size("(n - 1) * s + k + o"), 0, "takes numbers away"),
        (size("(n - 1) * s + k - p + o"), 0, "at both ends"),
        (size("(n - 1) * s + k + 2 * p + o"), 0, "In a convolution padding adds"),
        (size("(n - 1) * s + k - 2 * p"), 0, "output_padding is missing"),
        (size("(n - 1) * s + k - 2 * p + 2 * o"), 0, "one end only"),
        (size("n * s + k - 2 * p + o"), 0, "One copy of the kernel too many"),
        (size("(n - 1) * s"), 0, "where the last copy starts"),
        (size("n * s"), 0, "a side times the stride"),
        (size("n * k"), 0, "side by side"),
        (size("(n + 2 * p - k) // s + 1"), 0, "other way"),
        (size("((n - 1) * s + k - 2 * p + o) ** 2"), 0, "question is its side"),
        (size("(1, 1, n, n)"), 0, "should be a number"),
        (size("-7"), 0, "at which end"),
    ],
    "sides": [
        ("def sides(side, layers):\n    pass", 0, "returned nothing"),
        (sides().replace("return found", "return side"), 0, "one number"),
        (sides(first="[side]"), 0, "begins with the side that came in"),
        (sides(conv="(side + p - k) // s + 1", pool="side // 2"), 1, "At how many ends"),
        (sides(conv="(side - k) // s + 1"), 1, "At how many ends"),
        (sides(conv="(side + 2 * p - k) // s"), 0, "padding 1 keeps a side of 28"),
        (sides(conv="math.ceil((side + 2 * p - k) / s) + 1"), 0, "does not fit is dropped"),
        (sides(conv="(side + 2 * p - k) / s + 1"), 0, "does not fit is dropped"),
        (sides(t_conv="side * s"), 0, "decoder makes 7, 14, 28"),
        (sides(t_conv="(side + 2 * p - k) // s + 1"), 0, "decoder makes 7, 14, 28"),
        (sides(t_conv="(side - 1) * s + k"), 0, "its padding is missing"),
        (sides(t_conv="(side - 1) * s + k - p"), 0, "padding is at both ends"),
        (sides(t_conv="(side - 1) * s + k + 2 * p"), 0, "padding takes away"),
        (sides(stop="pass"), 1, "nothing fits any more"),
        (sides().replace("found = []", "found, start = [], side").replace("side =", "new =", 0).replace(
            "for kind", "for side, (kind").replace("k, s, p in layers", "k, s, p) in zip([start] * len(layers), layers)"),
            0, "28, 14, 14, 7, 7, 3"),
        # right in the check, and not in the hidden tests
        (sides(pool="side // 2"), 3, r"\('pool', 3, 3, 0\).*expected \[4, 3\], got \[6, 3\]"),
        (sides(pool="side // k"), 3, r"\('pool', 3, 2, 1\).*got \[10\]"),
        (sides(pool="(side - k) // s + 1"), 3, r"\('pool', 3, 2, 1\).*got \[15\]"),
        (sides(stop="continue"), 3, r"expected \[1\], got \[1, 2\]"),
        (sides(conv="int((side + 2 * p - k) / s) + 1", pool="side // k if k == s else (side + 2 * p - k) // s + 1"), 2,
         "'pool', 2, 2, 1.*got .4."),
        (sides(conv="(side + 2 * p - k) // s + 1 if s == 1 else side // s", pool="(side + 2 * p - k) // s + 1"), 2,
         r"expected \[10, 4\], got \[9, 4\]"),
    ],
    "field": [
        ("def field(layers):\n    pass", 0, "returned nothing"),
        (field("width += kernel - 1"), 0, "without strides"),
        (field("apart *= stride; width += (kernel - 1) * apart"), 0, "own stride"),
        (field("width = (width - 1) * stride + kernel"), 0, "which end"),
        (field("width += (kernel - 1) * apart; apart *= stride", start="width, apart = 0, 1"), 0, "from where did you start"),
        (field("width += kernel", start="width = 0"), 0, "overlap"),
        (field("width *= kernel", start="width = 1"), 0, "do not multiply"),
        (field("width += (kernel - 1) * apart; apart = stride"), 0, "After two strides of 2"),
        (field("width += (kernel - 1) * apart; apart += stride - 1"), 1, "After two strides of 2"),
        (field("width += kernel - 1; apart *= stride", end="return width * apart"), 0, "do not stretch the whole field"),
        (field("width += (kernel - 1) * apart; apart *= stride").replace("in layers", "in layers[:1] * 0 + layers[:-1]"), 0,
         "How much does each layer add"),
        # right in the check, and not in the hidden tests
        (field("width += (kernel - 1) * apart; apart *= 2 if stride > 1 else 1"), 2, "expected 9, got 7"),
        (field("width += (kernel - 1) * apart; apart *= stride", end="return min(width, 28)"), 3, "expected 53, got 28"),
        (field("width += (kernel - 1) * apart; apart *= stride", start="width, apart = layers[0][0] * 0 + 1, 1"), 3,
         "IndexError"),
        (field("if kernel > 1:\n            width += (kernel - 1) * apart; apart *= stride"), 3, "expected 5, got 2"),
    ],
    "network": [
        ("def make_network():\n    pass\n" + TRAIN, 0, "returned nothing"),
        (network("noisy + added").replace("return Mine()", "return Mine"), 0, "Its class alone"),
        (network("noisy + added", channels=32), 2, "a twentieth of the tutorial's is 479"),
        ("def make_network():\n    return du.TinyDenoiser()\n" + TRAIN, 1, "33,092 parameters"),
        ("def make_network():\n    return nn.Identity()\n" + TRAIN, 0, "nothing to learn"),
        (network("added"), 1, "answer is black"),
        (network("noisy + added", zero=""), 1, "start at zero"),
        (network("noisy + added", zero="self.conv1"), 0, "changes pixels"),
        (network("torch.sigmoid(noisy + added)"), 0, r"squeezes the answer into \[0, 1\]"),
        (network("(noisy + added).clamp(0, 1)"), 1, r"squeezes the answer into \[0, 1\]"),
        (network("F.relu(noisy + added)"), 1, "ReLU comes after the sum"),
        (network("F.max_pool2d(noisy + added, 2)"), 0, "returns the same shape"),
        (network("noisy + added", first="nn.Conv2d(1, {c}, 3)"), 0, "stopped with RuntimeError"),
        (network("noisy * 2 + added"), 1, "changes pixels"),
        # right in the check, and not in the hidden tests
        (network("noisy + added", zero="self.conv1 self.conv2"), 4, "3 of its 4 tensors of parameters never moved"),
        (network("noisy + 0 * added"), 4, "still changes nothing"),
        (network("noisy + added.detach()"), 3, r"changes nothing|stopped|has no gradient"),
        (network("(noisy.view(-1, 784) + added.view(-1, 784)).view(-1, 1, 28, 28)"), 4, "any multiples of 4 should do"),
        (network("noisy + F.interpolate(added, size=28)"), 4, "any multiples of 4 should do"),
        (network("noisy + F.relu(added)"), 4, "no gradient moves it"),
        (network("noisy + added", first="nn.Conv2d(1, {c}, 1)").replace("1, 3, padding=1)", "1, 1)"), 4,
         "depends on this pixel alone"),
        (network("noisy + added").replace("def make_network():\n    return Mine()",
                                          "only = Mine()\ndef make_network():\n    return only"), 4, "not new"),
    ],
}  # fmt: skip


OTHER_RIGHT = {
    "size": [
        "layer = nn.ConvTranspose2d(1, 1, mine['kernel'], mine['stride'], mine['padding'], mine['output_padding'])\n"
        "my_size = layer(torch.zeros(1, 1, mine['side'], mine['side'])).shape[-1]",
        size("(n - 1) * s + k - 2 * p + o"),
        size("torch.tensor((n - 1) * s + k - 2 * p + o)"),
        size("float((n - 1) * s + k - 2 * p + o)"),
    ],
    "sides": [
        sides(conv="math.floor((side + 2 * p - k) / s + 1)"),
        """
def sides(side, layers):
    def after(side, kind, kernel, stride, padding):
        if kind == "t_conv":
            return stride * (side - 1) - 2 * padding + kernel
        places = range(0, side + 2 * padding - kernel + 1, stride)  # where a kernel may start
        return len(places)
    result = []
    for layer in layers:
        side = after(side, *layer)
        if side <= 0:
            return result
        result = result + [side]
    return result
""",
        """
def sides(side, layers):
    if not layers:
        return []
    (kind, k, s, p), *rest = layers
    side = (side - 1) * s + k - 2 * p if kind == "t_conv" else (side - k + 2 * p + s) // s
    return [side, *sides(side, rest)] if side > 0 else []
""",
    ],
    "field": [
        field("width += (kernel - 1) * math.prod(strides); strides.append(stride)", "import math; width, strides = 1, []"),
        """
def field(layers):
    width = 1
    for kernel, stride in reversed(layers):
        width = (width - 1) * stride + kernel
    return width
""",
        """
def field(layers):
    left = right = 0
    for kernel, stride in layers[::-1]:
        left, right = left * stride, right * stride + kernel - 1
    return right - left + 1
""",
    ],
    "network": [
        """
def make_network():
    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.Conv2d(6, 1, 5, padding=2))
            self.gate = nn.Parameter(torch.zeros(1))
        def forward(self, x):
            return x + self.gate * self.layers(x)
    return Gate()
""" + TRAIN,
        """
def make_network():
    network = nn.Conv2d(1, 1, 5, padding=2, bias=True)
    nn.init.dirac_(network.weight)
    nn.init.zeros_(network.bias)
    return network
""" + TRAIN,
        """
def make_network():
    class Down(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.Conv2d(1, 8, 4, stride=2, padding=1)
            self.up = nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1)
            for parameter in self.up.parameters():
                parameter.data.zero_()
        def forward(self, x):
            return x - self.up(torch.relu(self.down(x)))
    return Down()
""" + TRAIN,
        network("torch.add(added, noisy)", channels=20),
    ],
}  # fmt: skip
