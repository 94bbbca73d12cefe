"""A job that takes its process with it, once or always."""

import os
from pathlib import Path


def squares(job):
    """Square a number; `job` is (number, file that says whether to die, always)."""
    number, file, always = job
    if number == 2 and (always or not Path(file).exists()):
        Path(file).write_text("died", encoding="utf-8")
        os._exit(9)
    return number * number
