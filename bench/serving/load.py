"""Clients that ask one after the other for windows of new seeds: `python load.py URL JSON CLIENTS SECONDS FIRST_SEED`.

JSON is a request's body with SEED where the seed belongs. Every client keeps its connection. At most REQUESTS are sent
where a sixth word says so. Prints one line of JSON: requests, errors, seconds, and milliseconds p50 and p99.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator

import aiohttp

TIMEOUT_S = 60


async def ask(session: aiohttp.ClientSession, url: str, body: str, seeds: Iterator[int], until: float) -> list[float]:
    """Milliseconds of each request; negative where it went wrong."""
    found = []
    while time.perf_counter() < until and (seed := next(seeds, None)) is not None:
        began = time.perf_counter()
        try:
            async with session.post(url, data=body.replace("SEED", str(seed))) as answer:
                good = bool(await answer.read()) and answer.status in (200, 201)
        except (aiohttp.ClientError, TimeoutError):
            good = False
        taken = 1000 * (time.perf_counter() - began)
        found.append(taken if good else -taken)
    return found


async def main(url: str, body: str, clients: int, seconds: float, first: int, most: int | None) -> None:
    seeds = iter(range(first, first + most)) if most else itertools.count(first)
    connector = aiohttp.TCPConnector(limit=clients)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as session:
        began = time.perf_counter()
        asked = await asyncio.gather(*(ask(session, url, body, seeds, began + seconds) for _ in range(clients)))
        took = time.perf_counter() - began
    times = list(itertools.chain.from_iterable(asked))
    good = sorted(taken for taken in times if taken >= 0)
    told = {"requests": len(times), "errors": len(times) - len(good), "seconds": took}
    print(json.dumps(told | {f"p{share}": good[len(good) * share // 100] if good else None for share in (50, 99)}))


if __name__ == "__main__":
    url, body, clients, seconds, first, *most = sys.argv[1:]
    asyncio.run(main(url, body, int(clients), float(seconds), int(first), int(most[0]) if most else None))
