"""Boxes to use in a notebook: ask, watch and compare, in JupyterLab."""

from .ask import question_box
from .batch_box import batch_box
from .heartbeat import heartbeat
from .key_panel import key_panel
from .lab import concurrency_lab
from .prediction import predict

__all__ = ["batch_box", "concurrency_lab", "heartbeat", "key_panel", "predict", "question_box"]
