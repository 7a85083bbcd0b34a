"""Things to play with, for every lesson. Each shows a still picture first; where widgets run, it moves.

``panel`` joins sliders to a function that makes pictures (``play``), and ``rendering`` brings the pictures to the page.
``explorers``, ``drawing`` and ``watch`` are built on these; ``photos`` finds the digit on a photo. The ``.js`` files run in
the page. Needs the packages ipywidgets and, for the drawing pad, anywidget; without them there are still pictures only.
"""
