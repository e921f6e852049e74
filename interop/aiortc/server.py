"""The server under test: found, started on a free port, asked over HTTP, stopped."""

import asyncio
import json
import tempfile
import urllib.error
import urllib.request
from pathlib import Path


def find(target: Path, name: str = "ortica-server") -> Path | None:
    """The newest build of a program, if there is one."""
    builds = [target / profile / name for profile in ("debug", "release")]
    return max((build for build in builds if build.exists()), key=lambda it: it.stat().st_mtime, default=None)


class Server:
    """A running server; use it in `async with`."""

    def __init__(self, program: Path):
        self._program = program
        self._log = tempfile.TemporaryFile()

    async def __aenter__(self) -> "Server":
        self._process = await asyncio.create_subprocess_exec(
            self._program, "--port", "0", "--verbose", stdout=asyncio.subprocess.PIPE, stderr=self._log
        )
        # The address is the first thing that it prints.
        self._url = (await self._process.stdout.readline()).decode().strip()
        if not self._url:
            raise RuntimeError(f"the server did not start:\n{self.log_since(0)}")
        return self

    async def __aexit__(self, *_) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()

    def mark(self) -> int:
        """A place in the log, for `log_since`."""
        return self._log.seek(0, 2)

    def log_since(self, mark: int) -> str:
        self._log.seek(mark)
        return self._log.read().decode(errors="replace")

    async def ask(self, path: str, body: dict | None = None) -> dict:
        """Gets `path`, or posts `body` to it."""
        return await asyncio.to_thread(self._ask, path, body)

    def _ask(self, path: str, body: dict | None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path}: {error.code} {error.read().decode(errors='replace')}") from error
