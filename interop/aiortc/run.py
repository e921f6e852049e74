"""Runs the checks against a server; `run.sh` brings what this needs."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from cable_checks import cable_checks
from checks import CHECKS, Call
from file_checks import file_checks
from film_checks import film_checks
from media_checks import MEDIA_CHECKS
from ping_checks import ping_checks
from programs import Pair
from relay_checks import relay_checks
from server import Server, find

MOST_OF_ONE_CHECK = 60


async def main() -> int:
    parser = argparse.ArgumentParser(description="Calls between aiortc and the example server.")
    parser.add_argument("--target", type=Path, default=Path("target"))
    parser.add_argument("--server", type=Path)
    parser.add_argument("--filexfer", type=Path)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("--examples", type=Path, default=Path("examples"), help="aiortc's example programs")
    parser.add_argument("--once", action="store_true", help="one round, which is the default")
    parser.add_argument("--bars", action="store_true", help="ten rounds and a line for the record")
    parser.add_argument("--only", default="", metavar="WORDS", help="checks whose name has these words")
    options = parser.parse_args()

    def pair(name: str, script: str, ours: Path | None = None) -> Pair:
        return Pair(name, ours or find(options.target, name), options.examples / name / script)

    programs = file_checks(pair("datachannel-filexfer", "filexfer.py", options.filexfer))
    programs |= ping_checks(pair("datachannel-cli", "cli.py"))
    programs |= film_checks(pair("videostream-cli", "cli.py"))
    programs |= cable_checks(pair("datachannel-vpn", "vpn.py"))
    programs |= relay_checks(options.peer or find(options.target, "ortica-interop-peer"))
    checks = {name: check for name, check in (CHECKS | MEDIA_CHECKS | programs).items() if options.only in name}
    program = options.server or find(options.target)
    if program is None:
        print("no server: run cargo build -p ortica-server, or give one by --server", file=sys.stderr)
        return 1
    rounds = 10 if options.bars else 1
    async with Server(program) as server:
        passed = [all([await perform(server, *check) for check in checks.items()]) for _ in range(rounds)].count(True)
    if options.bars:
        print(f"bar: {passed} of {rounds} rounds passed")
    return 0 if passed == rounds else 1


async def perform(server: Server, name: str, check) -> bool:
    mark, started, call = server.mark(), time.monotonic(), Call()
    line = {"check": name, "ok": True}
    try:
        line |= await asyncio.wait_for(check(server, call), MOST_OF_ONE_CHECK) or {}
    except Exception as error:  # whatever it is, it belongs into the line of this check
        state = f"connection {call.pc.connectionState}, ICE {call.pc.iceConnectionState}"
        report = tempfile.NamedTemporaryFile("w", prefix="ortica-aiortc-", suffix=".txt", delete=False)
        with report:
            report.write(f"# offer\n{call.offer}\n# answer\n{call.answer}\n# server\n{server.log_since(mark)}")
        line |= {"ok": False, "error": f"{error!r}; {state}", "report": report.name}
    finally:
        await call.pc.close()
    print(json.dumps(line | {"seconds": round(time.monotonic() - started, 2)}), flush=True)
    return line["ok"]


sys.exit(asyncio.run(main()))
