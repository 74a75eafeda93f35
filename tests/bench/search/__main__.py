"""How good the search is: `python -m tests.bench.search [--problems …] [--strategies …]`.

Plays whole searches against the simulated engine's model, called as a function, and against
recorded trials; prints what each strategy reaches. Sessions are kept in a file, by the source of
the search that played them, so that a run may be made in pieces: `--minutes` ends one, and the next
goes on.
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

from tests.bench.search import summary
from tests.bench.search.edge import EDGE
from tests.bench.search.generated import GENERATED
from tests.bench.search.problems import PROBLEMS, Problem
from tests.bench.search.replay import Arena
from tests.bench.search.sessions import Session, play
from tests.bench.search.tables import cache_folder

STRATEGIES = "random,one_at_a_time,default-tpe,tpe,bayesian,tpe+stop,bayesian+stop"
_ROOT = Path(__file__).parents[3]


def main() -> int:
    """Play what is missing, and print the table of everything."""
    asked = _arguments()
    chosen = _chosen(asked.problems)
    path = cache_folder() / f"sessions-{_fingerprint()}.jsonl"
    kept = {(s.problem, s.strategy, s.seed): s for s in _read(path)}
    deadline = time.monotonic() + 60.0 * asked.minutes
    names = asked.strategies.split(",")
    left = 0
    for problem in chosen:
        missing = [
            (name, seed)
            for name in names
            for seed in range(asked.seeds)
            if (problem.name, name, seed) not in kept
        ]
        if missing and time.monotonic() < deadline:
            arena = Arena.of(problem)
            with path.open("a", buffering=1) as file:
                while missing and time.monotonic() < deadline:
                    name, seed = missing.pop(0)
                    session = play(arena, name, seed)
                    kept[problem.name, name, seed] = session
                    file.write(json.dumps(session.as_dict()) + "\n")
        left += len(missing)
    shown = [
        session
        for (problem_name, name, seed), session in kept.items()
        if problem_name in {p.name for p in chosen} and name in names and seed < asked.seeds
    ]
    print(summary.table(shown, names))
    if left:
        print(f"\n{left} sessions are still to be played: run the same again", file=sys.stderr)
        return 1
    if asked.recorded:
        print(summary.recorded(names))
    return 0


def _chosen(names: str) -> list[Problem]:
    """Return the problems of a set, or of some names."""
    sets = {"all": PROBLEMS, "edge": EDGE, "generated": GENERATED}
    for name, held_out in (("held-out", True), ("development", False)):
        sets[name] = tuple(p for p in PROBLEMS if p.held_out is held_out)
    known = (*PROBLEMS, *EDGE, *GENERATED)
    return list(sets.get(names) or (p for p in known if p.name in names.split(",")))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.search", description=__doc__)
    parser.add_argument(
        "--problems", default="all", help="all, development, held-out, edge, generated, or names"
    )
    parser.add_argument("--strategies", default=STRATEGIES)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--recorded", action="store_true", help="the recorded table as well")
    return parser.parse_args()


def _read(path: Path) -> list[Session]:
    if not path.exists():
        return []
    with path.open() as file:
        return [Session(**json.loads(line)) for line in file]


def _fingerprint() -> str:
    """Return what distinguishes this search, on these problems, from any other."""
    digest = hashlib.sha256()
    for folder in ("core/search", "core/verdict", "tests/bench/search"):
        for path in sorted((_ROOT / folder).glob("*.py")):
            if path.name not in {"summary.py", "__main__.py"}:
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main())
