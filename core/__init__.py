"""inference-autotuner: find the launch command of an LLM server that holds your SLOs."""

__version__ = "0.1.0"
