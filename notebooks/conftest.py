"""For ``pytest --nbval-lax notebooks``: the lessons are compared on the embedded digits.

Everybody has these, and the stored outputs come from them; all of MNIST would be taken if it is there.
"""

import os

os.environ["DENOISE_DATA"] = "mnist5k"  # the notebooks' kernels inherit it
