"""The questions of assignment 07: the illnesses of lessons 07a and 07b in other programs, under names that tell nothing."""

from denoise_utils.checks.judging import JUDGES, question

for number, illness in enumerate(
    ["fresh_noise", "eval", "loss", "clean_input", "fresh_start", "range", "test_set", "target"], 1
):
    question(f"a07.{number}")(JUDGES[f"07.{illness}"])
