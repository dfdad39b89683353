"""Plays many seeds on all cores, or one with its whole story: `python -m tests.simulation`."""

import argparse
import multiprocessing
import sys
import time

from tests.simulation.chunk import counts, play_without_log
from tests.simulation.play import play

_EVERY = 50


def main() -> int:
    """Play; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=1_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="replay this one and print its story")
    given = parser.parse_args()
    if given.seed is not None:
        result = play(given.seed)
        print(result)  # noqa: T201  # what a command says
        return bool(result.broken)
    return _many(range(given.first, given.first + given.seeds))


def _many(seeds: range) -> int:
    began, results, failed = time.monotonic(), [], 0
    with multiprocessing.get_context("spawn").Pool() as pool:
        for result in pool.imap_unordered(play_without_log, seeds, chunksize=4):
            results.append(result)
            if result.broken:
                failed += 1
                _say(f"seed {result.seed}: {'; '.join(result.broken)[:500]}")
            if len(results) % _EVERY == 0:
                _say(f"{len(results):,} of {len(seeds):,} after {time.monotonic() - began:.0f} s")
    total = ", ".join(f"{count:,} {name}" for name, count in counts(results).items())
    _say(f"{total.replace('_', ' ')}; {failed} seeds break a promise")
    if failed:
        _say("replay one with: make simulate SEED=...")
    return bool(failed)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
