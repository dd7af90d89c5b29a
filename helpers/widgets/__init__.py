"""Boxes to use in a notebook: ask, watch and compare, in JupyterLab."""

from .ask import question_box

__all__ = ["question_box"]
