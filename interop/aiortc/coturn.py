"""A TURN server on loopback."""

import asyncio
import shutil
import socket
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass
class Turn:
    """Where it is, and who may use it."""

    url: str
    username: str = "user"
    password: str = "secret"


def lack() -> str | None:
    """Why there is none here, if so."""
    return None if shutil.which("turnserver") else "no coturn here: cargo xtask install coturn"


@asynccontextmanager
async def coturn(protocol: str):
    """One that runs until it is left, to be asked over `udp` or `tcp`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    turn = Turn(f"turn:127.0.0.1:{port}?transport={protocol}")
    with tempfile.TemporaryDirectory(prefix="ortica-coturn-") as folder:
        process = await asyncio.create_subprocess_exec(
            "turnserver", "-n", "--no-cli", "--no-tls", "--no-dtls", "--lt-cred-mech", "--realm", "ortica.test",
            "--user", f"{turn.username}:{turn.password}", "--allow-loopback-peers", "--listening-ip", "127.0.0.1",
            "--relay-ip", "127.0.0.1", "--listening-port", str(port), "--relay-threads", "1", "--log-file", "stdout",
            "--db", f"{folder}/db", "--pidfile", f"{folder}/pid",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await listens(process, port)
            yield turn
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def listens(process: asyncio.subprocess.Process, port: int) -> None:
    """Waits until connections are taken there."""
    while True:
        assert process.returncode is None, "coturn ended at once"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        return
