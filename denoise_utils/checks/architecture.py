"""The questions of lesson 03."""

from .judging import number

number(
    "03.t_conv",
    15,
    0,
    {
        14: "That would be doubling, as k = 2 does. How far does a kernel of 3 reach?",
        16: "One too many: the last kernel starts at position 2·(7 − 1).",
        13: "That is where the last kernel starts, plus 1; it is 3 wide.",
        21: "Kernels overlap here: neighbours start 2 apart, not 3.",
        3: "That is a convolution with stride 2. The transposed one goes the other way.",
    },
    "Seven kernels, each 3 wide, start 2 apart. Where does the last one start, and where does it end?",
)
number(
    "03.parameters",
    3208,
    0,
    {
        3200: "Those are the weights. Each output channel has one more number.",
        3216: "One bias for each output channel, not for each input channel.",
        200: "Each output channel has a kernel for every input channel.",
        400: "Each output channel has a kernel for every input channel, and there are several output channels.",
        128: "Each pair of channels has a 5 by 5 kernel, not one number.",
        1160: "That is for kernels of 3 by 3.",
    },
    "How many kernels does one output channel have, how many numbers has a kernel, and what comes on top?",
)
number(
    "03.receptive",
    17,
    0,
    {
        20: "Four times five would be side by side. They overlap: each layer adds a few pixels on either side.",
        625: "Sizes do not multiply without a stride. How many pixels does each layer add on each side?",
        5: "That is one layer. The second one looks at pixels which have looked around themselves already.",
        9: "That is two layers of this size, or four of size 3.",
        13: "That is three layers.",
        289: "That is the area; the question is the side.",
    },
    "One 5-wide layer sees 1 + 4 pixels. What does each further layer add?",
)
