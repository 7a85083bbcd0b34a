"""The questions of lesson 00."""

from .judging import number, worked

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

DATA = """
digits = du.load_digits()
noise = du.GaussianNoise(sigma=0.5, clip=True)
noisy_test, test = du.fixed_noise(digits.test.images, noise)
"""
worked(
    "00.noisy",
    """The error of a pixel is noisy minus clean. Square it, so that a pixel that is too bright can't make up for one that is
    too dark, and take the mean over all pixels of all pictures. Without clipping this would be σ², 0.25. Clipping cuts off
    what went beyond black or white, and with it more than half of the error.""",
    DATA + "my_mse = (noisy_test - test).square().mean().item()",
)
worked(
    "00.black",
    """A black picture is 0 everywhere, so the error of a pixel is its clean value, and the MSE is the mean of the squared
    clean values. It is small because about four pixels in five are black, and cost nothing.""",
    DATA + "black = torch.zeros_like(test)\nmy_black_mse = (black - test).square().mean().item()",
)
