"""Files between aiortc's datachannel-filexfer and ours. They take no part in the call that checks are given."""

import asyncio
import hashlib
import os
import random
import sys
import tempfile
import time
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

LENGTH = 4_000_003
SIGNALING = ("--signaling", "unix-socket", "--signaling-path", "socket")


def file_checks(ours: Path | None, theirs: Path) -> dict:
    """A check for each direction."""

    async def we_send(*_) -> dict:
        return await transfer(sender=program(ours), receiver=[sys.executable, theirs])

    async def it_sends(*_) -> dict:
        return await transfer(sender=[sys.executable, theirs], receiver=program(ours))

    return {"file: ortica's program sends to aiortc's": we_send, "file: aiortc's program sends to ortica's": it_sends}


def program(path: Path | None) -> list[Path]:
    assert path is not None, "no datachannel-filexfer: run cargo build -p datachannel-filexfer, or give one by --filexfer"
    return [path.resolve()]


async def transfer(sender: list, receiver: list) -> dict:
    """Sends a file, and compares what arrives."""
    with tempfile.TemporaryDirectory(prefix="ortica-file-") as name:
        folder = Path(name)
        sent = random.Random(2).randbytes(LENGTH)
        (folder / "out").write_bytes(sent)
        async with AsyncExitStack() as stack:
            started = time.monotonic()
            out = await stack.enter_async_context(running(folder, *sender, "send", "out", *SIGNALING))
            # aiortc's receiver dials once, so somebody has to listen.
            while not (folder / "socket").exists():
                assert out.returncode is None, await words(out)
                await asyncio.sleep(0.05)
            into = await stack.enter_async_context(running(folder, *receiver, "receive", "in", *SIGNALING))
            for side in (into, out):
                said = await words(side)
                assert await side.wait() == 0, said
            took = time.monotonic() - started
        received = (folder / "in").read_bytes()
        digests = [hashlib.sha256(it).hexdigest() for it in (sent, received)]
        assert digests[0] == digests[1], f"{len(received)} bytes of {LENGTH} arrived, or others"
        return {"megabytes": LENGTH / 1e6, "mb_per_s": round(LENGTH / 1e6 / took, 2)}


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
