"""Every figure of the load generator, one table after the other: `python -m tests.bench.load_all`.

Let the machine be idle. `… load_all arrivals accuracy:5:128` runs only those pieces, with what they
take behind colons: so each can be kept short. The
comparison with other clients wants an environment that has aiohttp and httpx in $LOAD_BENCH_PYTHON,
or makes one.
"""

import sys
from collections.abc import Callable

from tests.bench import (
    load_accuracy,
    load_arrivals,
    load_cost,
    load_known,
    load_scale,
    load_selfcheck,
)

PIECES: dict[str, Callable[[], None]] = {
    "accuracy": load_accuracy.main,
    "cost": load_cost.main,
    "scale": load_scale.main,
    "arrivals": load_arrivals.main,
    "selfcheck": load_selfcheck.main,
    "known": load_known.main,
}


def main() -> None:
    asked = sys.argv[1:] or list(PIECES)
    for piece in asked:
        name, *sys.argv[1:] = piece.split(":")
        if name not in PIECES:
            sys.exit(f"there is no piece {name}; there are {', '.join(PIECES)}")
    for piece in asked:
        name, *sys.argv[1:] = piece.split(":")
        print(f"\n=== {piece}", flush=True)
        PIECES[name]()


if __name__ == "__main__":
    main()
