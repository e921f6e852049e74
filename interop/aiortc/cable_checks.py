"""A network of frames between aiortc's datachannel-vpn and ours: two network namespaces are joined, and bytes cross over TCP."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager

from programs import SIGNALING, Pair, folder_of_its_own, running, words

LENGTH = 200_000
# Of the devices, in bytes: aiortc's reads no more than 1,500 of a frame, whose header comes on top.
MTU = 1_400
# Tells its port, and gives back what comes.
ECHO = """
import socket
with socket.create_server(("10.7.0.2", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    stream = listener.accept()[0]
    while data := stream.recv(65_536):
        stream.sendall(data)
    stream.close()
"""
# Sends, and compares what comes back.
SEND = f"""
import os, socket, sys, threading
sent, came = os.urandom({LENGTH}), b""
with socket.create_connection(("10.7.0.2", int(sys.argv[1])), timeout=40) as stream:
    threading.Thread(target=lambda: (stream.sendall(sent), stream.shutdown(socket.SHUT_WR)), daemon=True).start()
    while data := stream.recv(65_536):
        came += data
sys.exit(0 if came == sent else f"{{len(came)}} bytes of {{len(sent)}}")
"""


def cable_checks(pair: Pair) -> dict:
    """A check for each side that offers. Ours ends both."""
    possible = "unshare --net true && ip tuntap add dev probe mode tap"
    if subprocess.run(["unshare", "--net", "sh", "-c", possible], capture_output=True, check=False).returncode != 0:
        print("skipped: no network namespaces with TAP devices can be made here")
        return {}

    async def we_offer(*_) -> dict:
        return await joined(pair.our_program(), pair.their_program(), ours="offer")

    async def it_offers(*_) -> dict:
        return await joined(pair.their_program(), pair.our_program(), ours="answer")

    return {"cable: ortica's program offers": we_offer, "cable: aiortc's program offers": it_offers}


async def joined(offerer: list, answerer: list, ours: str) -> dict:
    async with AsyncExitStack() as stack:
        folder = await stack.enter_async_context(folder_of_its_own())
        networks = [await stack.enter_async_context(network()) for _ in range(2)]
        here, there = networks
        there_id = there[2]
        await run(*here, *f"ip link add card type veth peer name card netns {there_id}".split())
        for number, it in enumerate(networks, 1):
            await run(*it, "ip", "address", "add", f"198.18.0.{number}/24", "dev", "card")
            await run(*it, "ip", "link", "set", "card", "up")
            await run(*it, "ip", "route", "add", "default", "dev", "card")
        first = await stack.enter_async_context(running(folder, *here, *offerer, "offer", *SIGNALING))
        # aiortc's answerer dials once, so somebody has to listen.
        while not (folder / "socket").exists():
            assert first.returncode is None, await words(first)
            await asyncio.sleep(0.05)
        second = await stack.enter_async_context(running(folder, *there, *answerer, "answer", *SIGNALING))
        for number, (it, device) in enumerate(((here, "revpn-offer"), (there, "revpn-answer")), 1):
            # aiortc's makes it when the channel is open.
            while not await succeeds(*it, "ip", "link", "show", device):
                assert first.returncode is None and second.returncode is None, "a program is gone"
                await asyncio.sleep(0.05)
            await run(*it, "ip", "link", "set", device, "mtu", str(MTU))
            await run(*it, "ip", "address", "add", f"10.7.0.{number}/24", "dev", device)
        echo = await stack.enter_async_context(running(folder, *there, sys.executable, "-c", ECHO))
        port = (await echo.stdout.readline()).decode().strip()
        await run(*here, sys.executable, "-c", SEND, port)
        (first if ours == "offer" else second).send_signal(signal.SIGINT)
        for side in (first, second):
            said = await words(side)
            assert await side.wait() == 0 and "Exiting" in said, said
        return {"bytes": LENGTH}


@asynccontextmanager
async def network():
    """A network namespace, as the words that run a program in it."""
    script = "ip link set lo up && echo there && exec cat"
    holder = await asyncio.create_subprocess_exec(
        "unshare", "--net", "sh", "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert await holder.stdout.readline() == b"there\n", "no network namespace"
        yield ["nsenter", "--target", str(holder.pid), "--net"]
    finally:
        holder.kill()
        await holder.wait()


async def run(*command) -> None:
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = (await process.communicate())[0].decode(errors="replace")
    assert process.returncode == 0, f"{' '.join(map(os.fspath, command[:8]))}: {said}"


async def succeeds(*command) -> bool:
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return await process.wait() == 0
