"""The loop. The only room that knows all the others."""

from core.run.preflight import check, find_engine
from core.run.runner import Runner

__all__ = ["Runner", "check", "find_engine"]
