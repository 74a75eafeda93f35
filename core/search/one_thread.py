"""Linear algebra on one thread: the matrices are small, and threads would wait for one another.

Said to the libraries themselves and not to the environment, which servers inherit.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
from scipy import linalg
from threadpoolctl import ThreadpoolController

_Given = ParamSpec("_Given")
_Returned = TypeVar("_Returned")

_LOADED = (np, linalg)  # the controller knows the libraries that are loaded when it is made
_CONTROLLER: Any = ThreadpoolController()  # type: ignore[no-untyped-call]


def one_thread(function: Callable[_Given, _Returned]) -> Callable[_Given, _Returned]:
    """Run the function with one thread of linear algebra."""

    @wraps(function)
    def alone(*args: _Given.args, **named: _Given.kwargs) -> _Returned:
        with _CONTROLLER.limit(limits=1, user_api="blas"):
            return function(*args, **named)

    return alone
