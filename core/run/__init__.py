"""The loop. The only room that knows all the others."""

from core.run.facts import facts_of
from core.run.runner import Runner

__all__ = ["Runner", "facts_of"]
