"""The questions of lesson 00."""

from .judging import number

number(
    "00.noisy",
    0.1155,
    0.003,
    {
        0.25: "That is σ². What does clipping do to a black pixel that would become darker than black?",
        0.5: "That is σ, the size of the noise on one pixel. The MSE is a mean of squares.",
        0.34: "That looks like the root of the answer: is your figure squared?",
    },
    "Subtract the clean images from the noisy ones, square, and take the mean over everything.",
)
number(
    "00.black",
    0.1125,
    0.004,
    {
        0.0: "Only if the digits were black too. What does a white pixel add to the error?",
        0.1325: "That is the mean brightness. The error of each pixel is squared before the mean is taken.",
        1.0: "That would be white paper: every pixel wrong by the full range.",
    },
    "The answer of an all-black picture is 0 everywhere, so the error of a pixel is its clean value. Square, then mean.",
)
