"""Wrong answers to the final project: (code, points, what the student must read)."""

SLEEPER = """
READY = []


def train(network, images, seconds):
    if not READY:
        start = time.process_time()
        while time.process_time() - start < 7:  # prepares, and looks at the clock only afterwards
            pass
        READY.append(True)
    return network
"""

FIT = """
def train(network, images, seconds):  # 60 steps are less than two seconds
    du.fit(network, {images}, {noise}, steps={steps}, batch_size=16, device="cpu", progress=False)
    return {answer}
"""


def fit(images="images", noise="du.GaussianNoise(0.5, clip=True)", answer="network", steps=60):
    return FIT.format(images=images, noise=noise, answer=answer, steps=steps)


def network(body, forward="return self.layers(x)", after="return Mine()"):
    return f"""
class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        {body}

    def forward(self, x):
        {forward}


def make_network():
    {after}
"""


CONV = "self.layers = nn.Conv2d(1, 1, 3, padding=1)"

WRONG = {
    "network": [
        # over the budget: the strong network of the course, and one dense layer
        ("def make_network():\n    return du.StrongDenoiser()\n", 2.0, "parameters; 50,000 are allowed"),
        (
            network("self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, 784), nn.Unflatten(1, (1, 28, 28)))"),
            2.0,
            "615,440 parameters",
        ),
        # the wrong shape: padding forgotten; flat pictures; half the size
        (network("self.layers = nn.Conv2d(1, 1, 3)"), 0.0, r"\[5, 1, 26, 26\].*(?s:.)*should be \[300, 1, 28, 28\]"),
        (network(CONV, "return self.layers(x).flatten(1)"), 0.0, r"the answer is \[5, 784\]"),
        (network(CONV, "return self.layers(x).squeeze()"), 0.0, r"the answer is \[5, 28, 28\]"),
        (network(CONV, "return F.max_pool2d(self.layers(x), 2)"), 0.0, r"the answer is \[5, 1, 14, 14\]"),
        # the class, not a network; nothing; no parameters; double precision
        ("def make_network():\n    return du.TinyDenoiser\n", 0.0, "not its class"),
        ("def make_network():\n    du.TinyDenoiser()\n", 0.0, "returned nothing"),
        ("def make_network():\n    return nn.Identity()\n", 0.0, "no parameters"),
        ("def make_network():\n    return du.TinyDenoiser().double()\n", 0.0, "stopped with RuntimeError"),
        # works for one size of batch only
        (network(CONV, "return self.layers(x.view(16, 1, 28, 28))"), 0.0, "stopped with RuntimeError"),
        # changes its input
        (network(CONV, "return self.layers(x.mul_(2).sub_(1))"), 2.0, "changes the noisy pictures"),
        # looks at the whole batch; chance in eval mode; divides by a spread: all pass the check
        (network(CONV, "return self.layers(x - x.mean())"), 1.0, "alone than in a batch of 300"),
        (network(CONV, "return self.layers(F.dropout(x, 0.2))"), 1.0, "another answer alone|chance in your network"),
        (
            network(CONV, "return self.layers(x / x.std(dim=(1, 2, 3), keepdim=True))"),
            1.0,
            "black pictures gave NaN.*divide by a spread",
        ),
        # made once, handed out twice
        (
            "ONCE = du.TinyDenoiser()\n\n\ndef make_network():\n    return ONCE\n",
            1.0,
            "two calls returned the same network",
        ),
    ],
    "training": [
        # nothing is learned
        ("def train(network, images, seconds):\n    return network\n", 0.0, "has not learned"),
        ("def train(network, images, seconds):\n    return lambda noisy: noisy\n", 0.0, "noisy pictures as they are"),
        ("def train(network, images, seconds):\n    network.train()\n", 0.0, "returned nothing"),
        # returns what du.fit returns; the loss
        (
            fit(answer="du.fit(network, images, gaussian, steps=1, device='cpu')", steps=1),
            0.0,
            "train returned a History",
        ),
        ("def train(network, images, seconds):\n    return 0.0123\n", 0.0, "train returned a float"),
        # the mean of the digits, whatever it is shown; and a memory that returns the nearest training image
        (
            "def train(network, images, seconds):\n    return du.MeanImage(images)\n",
            1.0,
            r"same answer to every picture(?s:.)*less error than median filter in 3 of 5",
        ),
        (
            """
def train(network, images, seconds):
    known = du.to_float(images).flatten(1)
    return lambda noisy: known[torch.cdist(noisy.flatten(1), known).argmin(dim=1)].view_as(noisy)
""",
            0.0,
            r"0.0467 without denoising(?s:.)*what is kept fills [\d,]+ bytes; 300,000 are allowed",
        ),
        # the clock is not looked at
        (SLEEPER, 0.0, "seconds and took 7"),
        # pixels from 0 to 255
        (
            fit("images", "lambda clean, generator: 255 * gaussian(clean, generator)").replace(
                "return network", "return lambda noisy: 255 * network(255 * noisy)"
            ),
            0.0,
            "images from 0 to 255",
        ),
        # clean pictures go in
        (fit(noise="lambda clean, generator: clean"), 1.0, "Was the network shown noisy pictures"),
        # the training images are spoilt in place
        (
            fit().replace("    du.fit", "    images[:] = images // 2\n    du.fit"),
            3.0,
            "changed the training images themselves",
        ),
        # one kind of noise: passes the check, and fails where the project begins
        (fit(), 7.0, r"final.training: right(?s:.)*than one matrix in [0-3] of 5 ways: 0 of 2"),
        # digits of its own, not those that were handed over
        (fit(images="digits.train.images"), 7.0, r"right(?s:.)*of the matrix's, below 90 % counts: 0 of 3"),
        # the answer loses a dimension
        (
            fit(answer="lambda noisy: network(noisy).squeeze(1)"),
            0.0,
            r"the answer is \[200, 28, 28\](?s:.)*should be \[300, 1",
        ),
        # an answer for the whole batch
        (fit(answer="lambda noisy: network(noisy) / 0 * 0"), 0.0, "NaN or infinity"),
    ],
}
