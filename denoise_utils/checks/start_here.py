"""The questions of lesson 00."""

from .judging import number, worked

ROOT = "That looks like the root of the answer: is your figure squared?"
BRIGHTNESS = "That is the mean brightness. The error of each pixel is squared before the mean is taken."
number(
    "00.noisy",
    0.1156,
    0.0013,  # the embedded digits and all of MNIST, any noise of this kind; not a black picture, which comes near
    {
        0.25: "That is σ². What does clipping do to a black pixel that would become darker than black?",
        0.5: "That is σ, the size of the noise on one pixel. The MSE is a mean of squares.",
        0.34: ROOT,
        0.205: "That is the mean of the errors' sizes. What does the S in MSE stand for?",
        0.0212: "That is the square of a mean, in which errors up and down cancel. In which order does it go?",
        0.0: "Nothing differs: did you compare a picture with itself?",
    },
    "MSE names three things to do, and a mean over all pixels gives one number. Which of them is missing?",
)
number(
    "00.black",
    0.1127,
    0.0016,
    {
        0.0: "Only if the digits were black too. What does a white pixel add to the error?",
        0.1301: BRIGHTNESS,
        0.1325: BRIGHTNESS,
        0.334: ROOT,
        0.3375: ROOT,
        1.0: "That would be white paper: every pixel wrong by the full range.",
        0.1157: "That is what doing nothing costs. Where is the black picture?",
    },
    "An all-black picture is 0 everywhere. How wrong is that at a black pixel, and how wrong at a white one?",
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
