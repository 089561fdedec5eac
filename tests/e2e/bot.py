"""A bot as its author writes it: it follows presences, and tells of itself, until it is asked to stop."""

from __future__ import annotations

import asyncio
import sys

from aiosymphony import Life, PodClient, RetryPolicy, SymphonyError, run

EVERY = 0.25
MAX_WAIT = 1.0


def show(what: object) -> None:
    """Tell what came."""
    print(what, flush=True)


async def main(life: Life) -> None:
    """Follow presences and greet the pod."""
    async with PodClient.from_env(retry=RetryPolicy(attempts=12)) as pod:
        life.watch(pod)

        async def greet() -> None:
            while await life.sleep(EVERY):
                try:
                    await pod.session.info()
                except SymphonyError as error:
                    show(f"failed: {error}")

        async with asyncio.TaskGroup() as tasks, pod.presence.feed(max_wait=MAX_WAIT) as feed:
            tasks.create_task(greet())
            async for change in life.until_stopped(feed):
                show(change)
        show(f"left behind: {feed.left_behind}")


if __name__ == "__main__":
    run(main, grace=3.0, health=sys.argv[1])
