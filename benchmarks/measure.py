"""Time cases with one library, in this process: ``python measure.py LIBRARY SECONDS CASE...`` prints JSON.

For every case the best time of a call in seconds, or the error that kept it from running.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from cases import CASES


def best_time(action: Callable[[], Any], seconds: float) -> float:
    """The least time of one call, over batches of about 10 ms that together take ``seconds``."""
    clock = time.perf_counter
    action()
    action()
    count = 1
    while True:
        start = clock()
        for _ in range(count):
            action()
        taken = clock() - start
        if taken > 0.01 or count >= 1 << 20:
            break
        count *= 2
    best = taken / count
    deadline = clock() + seconds
    while clock() < deadline:
        start = clock()
        for _ in range(count):
            action()
        best = min(best, (clock() - start) / count)
    return best


def main() -> None:
    library_name, seconds, *names = sys.argv[1:]
    library = importlib.import_module(library_name)
    if hasattr(library, "set_num_threads"):
        library.set_num_threads(1)
    results: dict[str, dict[str, Any]] = {}
    for name in names:
        try:
            library.manual_seed(0)
            action = CASES[name](library)
            gc.collect()
            results[name] = {"seconds": best_time(action, float(seconds))}
        except Exception as error:
            results[name] = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
    print(json.dumps(results))


if __name__ == "__main__":
    main()
