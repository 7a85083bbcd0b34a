"""Grading, from a folder of submissions to marks and feedback pages. ``grade`` is where it begins.

    find, lms ──► grade ──► marking ──► submission ──► wire ──► worker, in a sandbox
                    └─────► marks ──► feedback, lms

``course`` reads the masters; ``apart`` gives each submission, and each stage of it, a process of its own.
"""
