"""Stands in for packages that SGLang imports and a text model on the CPU never uses.

Put on PYTHONPATH of an SGLang that `install_sglang_cpu.sh` made; Python imports it by itself.
"""

import importlib.abc
import importlib.machinery
import sys
import types
from typing import Any

ABSENT = {"torchvision", "torchaudio", "cutlass", "sgl_kernel"}


class Nothing(type):
    """A class of which every attribute and every call is one like it."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing(name, (), {})

    def __call__(cls, *given: Any, **named: Any) -> Any:
        decorates = len(given) == 1 and callable(given[0]) and not named
        return given[0] if decorates else cls

    def __or__(cls, _: Any) -> Any:
        return cls

    __ror__ = __or__

    def __getitem__(cls, _: Any) -> Any:
        return cls


class StandIn(types.ModuleType):
    """A module that has every name."""

    __path__ = ()
    __version__ = "0.28.0"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing(name, (), {})


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the absent packages and all that is said to be in them."""

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] in ABSENT:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return StandIn(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing is in it."""


sys.meta_path.append(Finder())
