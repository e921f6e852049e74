"""Calls in which both sides are reached by way of coturn alone, against ortica-interop-peer."""

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path

from aioice import TransportPolicy
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription

from checks import Call, Inbox, arriving, echoes, megabyte
from coturn import Turn, coturn, lack
from server import Server


def relay_checks(program: Path | None) -> dict:
    """A check for each side that offers, over each way to the server."""

    def check(protocol: str, offers: bool):
        async def relayed(_: Server, call: Call) -> dict:
            if why := lack():
                return {"skipped": why}
            assert program is not None, "no ortica-interop-peer: run cargo build -p ortica-interop-peer"
            async with coturn(protocol) as turn, Peer.start(program, turn) as peer:
                await call.pc.close()
                server = RTCIceServer(turn.url, username=turn.username, credential=turn.password)
                call.pc = RTCPeerConnection(RTCConfiguration(iceServers=[server]))
                try:
                    await (we_offer if offers else it_offers)(peer, call)
                    await judge(peer, call, protocol)
                finally:
                    # It gives back what it was lent, and would ask for a minute whether a server that is gone has it.
                    await call.pc.close()
            return {}

        return relayed

    return {
        f"relayed addresses alone, over {protocol.upper()}: {who}": check(protocol, offers)
        for protocol in ("udp", "tcp")
        for who, offers in (("aiortc offers", True), ("ortica offers", False))
    }


class Peer:
    """The program on the other side, which signals in lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process):
        self._process = process

    @classmethod
    @asynccontextmanager
    async def start(cls, program: Path, turn: Turn):
        word = f"relay={turn.username}:{turn.password}@{turn.url}"
        pipe = asyncio.subprocess.PIPE
        # What it says in a line is longer than a line usually is.
        process = await asyncio.create_subprocess_exec(program.resolve(), word, stdin=pipe, stdout=pipe, limit=2**20)
        try:
            yield cls(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def tell(self, message: dict) -> None:
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        await self._process.stdin.drain()

    async def hear(self) -> dict:
        line = await self._process.stdout.readline()
        assert line, "the peer ended"
        return json.loads(line)

    async def description(self) -> RTCSessionDescription:
        """What it describes, with the candidates that it tells afterwards."""
        message = await self.hear()
        kind, sdp = message["type"], message["sdp"]
        while candidate := (await self.hear())["candidate"]:
            if candidate not in sdp:
                sdp += f"a={candidate}\r\n"
        return RTCSessionDescription(f"{sdp}a=end-of-candidates\r\n", kind)

    async def carrier(self) -> dict:
        """Its own end of the pair in use."""
        await self.tell({"do": "stats"})
        while (message := await self.hear())["type"] != "stats":
            pass
        stats = message["stats"]
        transport = next(it for it in stats.values() if it["type"] == "transport")
        return stats[stats[transport["selectedCandidatePairId"]]["localCandidateId"]]


def only_relayed(call: Call) -> None:
    """aiortc has no such policy; the ICE library beneath it does."""
    call.pc.sctp.transport.transport.iceGatherer._connection._transport_policy = TransportPolicy.RELAY


async def we_offer(peer: Peer, call: Call) -> None:
    channel = call.pc.createDataChannel("echo")
    inbox = Inbox(channel)
    only_relayed(call)
    await call.pc.setLocalDescription(await call.pc.createOffer())
    call.offer = call.pc.localDescription.sdp
    await peer.tell({"type": "offer", "sdp": call.offer})
    answer = await peer.description()
    call.answer = answer.sdp
    await call.pc.setRemoteDescription(answer)
    await inbox.opened()
    await echoes(channel, inbox)
    await megabyte(channel, inbox)


async def it_offers(peer: Peer, call: Call) -> None:
    arrived = arriving(call)
    await peer.tell({"do": "channel", "label": "echo"})
    offer = await peer.description()
    call.offer = offer.sdp
    await call.pc.setRemoteDescription(offer)
    only_relayed(call)
    await call.pc.setLocalDescription(await call.pc.createAnswer())
    call.answer = call.pc.localDescription.sdp
    await peer.tell({"type": "answer", "sdp": call.answer})
    channel, inbox = await arrived
    await echoes(channel, inbox)
    await megabyte(channel, inbox)


async def judge(peer: Peer, call: Call, protocol: str) -> None:
    """Neither side showed another address, and neither used one."""
    for sdp in (call.offer, call.answer):
        candidates = [line for line in sdp.splitlines() if line.startswith("a=candidate:")]
        assert candidates and all(" typ relay " in line for line in candidates), candidates
    ours = await peer.carrier()
    assert (ours["candidateType"], ours["relayProtocol"]) == ("relay", protocol), ours
    (pair,) = call.pc.sctp.transport.transport._connection._nominated.values()
    assert pair.local_candidate.type == "relay", pair.local_candidate
