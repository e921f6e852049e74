"""aiortc's programs and ours at the two ends of a socket. They take no part in the call that checks are given."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

SIGNALING = ("--signaling", "unix-socket", "--signaling-path", "socket")


@dataclass
class Pair:
    """A program of ours, and aiortc's of the same name."""

    name: str
    ours: Path | None
    theirs: Path

    def our_program(self) -> list:
        assert self.ours is not None, f"no {self.name}: run cargo build -p {self.name}"
        return [self.ours.resolve()]

    def their_program(self) -> list:
        return [sys.executable, self.theirs]


async def converse(folder: Path, offerer: list, answerer: list, meanwhile: Callable | None = None) -> tuple[str, str]:
    """Lets both run to their ends, which have to be good ones, and gives what they said."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(running(folder, *offerer, *SIGNALING))
        # aiortc's answerer dials once, so somebody has to listen.
        while not (folder / "socket").exists():
            assert first.returncode is None, await words(first)
            await asyncio.sleep(0.05)
        second = await stack.enter_async_context(running(folder, *answerer, *SIGNALING))
        before = await meanwhile(first, second) if meanwhile else {}
        said = [before.get(side, "") + await words(side) for side in (first, second)]
        for side, it in zip((first, second), said, strict=True):
            assert await side.wait() == 0, it
        return tuple(said)


@asynccontextmanager
async def folder_of_its_own():
    with tempfile.TemporaryDirectory(prefix="ortica-programs-") as name:
        yield Path(name)


@asynccontextmanager
async def running(folder: Path, *command):
    """A program that does not outlive its check."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def words(process: asyncio.subprocess.Process) -> str:
    """What it said until it ended."""
    return (await process.stdout.read()).decode(errors="replace")
