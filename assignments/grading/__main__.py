"""``python -m assignments.grading SUBMISSIONS``, which is what ``make grade`` calls."""

import sys

from .grade import main

sys.exit(main(sys.argv[1:]))
