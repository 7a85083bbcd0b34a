"""The questions of the final project."""
