"""Inputs: reading paper lists as people have them."""

from jobrunner.inputs.base import Input, InputPaper
from jobrunner.inputs.json_papers import open_input

__all__ = ["Input", "InputPaper", "open_input"]
