"""What is checked about data channels. Each check gets the server and a call, which is closed after it."""

import asyncio
import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiortc import MediaStreamTrack, RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from server import Server

PIECE = 16 * 1024
WHOLE = 1024 * 1024


@dataclass
class Call:
    """A call and what was negotiated in it."""

    pc: RTCPeerConnection = field(default_factory=RTCPeerConnection)
    id: str = ""
    offer: str = ""
    answer: str = ""


async def we_offer_ping(server: Server, call: Call) -> None:
    channel = call.pc.createDataChannel("chat")
    inbox = Inbox(channel)
    await offer(server, call)
    await inbox.opened()
    await pings(channel, inbox)


async def we_offer_echo(server: Server, call: Call) -> None:
    channel = call.pc.createDataChannel("echo")
    inbox = Inbox(channel)
    await offer(server, call)
    await inbox.opened()
    await echoes(channel, inbox)
    await megabyte(channel, inbox)


async def we_offer_a_negotiated_channel(server: Server, call: Call) -> None:
    channel = call.pc.createDataChannel("agreed", negotiated=True, id=12)
    inbox = Inbox(channel)
    await offer(server, call, negotiated=[{"id": 12, "label": "agreed"}])
    await inbox.opened()
    await pings(channel, inbox)


async def it_offers(server: Server, call: Call) -> None:
    arrived = arriving(call)
    await take_offer(server, call, "data")
    channel, inbox = await arrived
    assert channel.label == "chat", channel.label
    await pings(channel, inbox)
    ours = call.pc.createDataChannel("echo")
    inbox = Inbox(ours)
    await inbox.opened()
    await echoes(ours, inbox)
    await megabyte(ours, inbox)


async def it_closes(server: Server, call: Call) -> None:
    channel = call.pc.createDataChannel("chat")
    inbox = Inbox(channel)
    await offer(server, call)
    await inbox.opened()
    await pings(channel, inbox)
    await server.ask("/close", {"pc_id": call.id})
    await inbox.closed()
    listed = (await server.ask("/pcs"))["ids"]
    assert call.id not in listed, f"{call.id} is still in {listed}"


async def we_offer_every_kind(server: Server, call: Call) -> None:
    kinds = {
        "unordered": {"ordered": False},
        "without retransmissions": {"ordered": False, "maxRetransmits": 0},
        "with three retransmissions": {"maxRetransmits": 3},
        "with a lifetime": {"maxPacketLifeTime": 2_000},
    }
    channels = {kind: call.pc.createDataChannel("echo", protocol=kind, **rules) for kind, rules in kinds.items()}
    inboxes = {kind: Inbox(channel) for kind, channel in channels.items()}
    await offer(server, call)
    for kind, channel in channels.items():
        await inboxes[kind].opened()
        await echoes(channel, inboxes[kind])


async def we_offer_many(server: Server, call: Call) -> None:
    channels = [call.pc.createDataChannel(f"channel {at}") for at in range(100)]
    inboxes = [Inbox(channel) for channel in channels]
    await offer(server, call)
    for channel, inbox in zip(channels, inboxes):
        await inbox.opened()
        channel.send("ping")
    for inbox in inboxes:
        reply = await inbox.next()
        assert reply == "pong", reply


async def we_close_a_channel(server: Server, call: Call) -> None:
    # It stays, so that the association does.
    staying = call.pc.createDataChannel("staying")
    leaving = call.pc.createDataChannel("leaving")
    inbox = Inbox(leaving)
    await offer(server, call)
    for _ in range(3):
        await inbox.opened()
        await pings(leaving, inbox)
        used = leaving.id
        leaving.close()
        await inbox.closed()
        leaving = call.pc.createDataChannel("again", negotiated=False, id=used)
        inbox = Inbox(leaving)
    await inbox.opened()
    assert leaving.id == used, f"{leaving.id} instead of {used}"
    await pings(staying, Inbox(staying))


CHECKS = {
    "aiortc offers: ten pings": we_offer_ping,
    "aiortc offers: echo, then 1 MB in pieces of 16 KiB": we_offer_echo,
    "aiortc offers: a channel negotiated beforehand": we_offer_a_negotiated_channel,
    "aiortc offers: unordered channels and such that may lose": we_offer_every_kind,
    "aiortc offers: a hundred channels": we_offer_many,
    "aiortc closes a channel, and uses its stream again": we_close_a_channel,
    "the server offers: pings, echo, 1 MB": it_offers,
    "the server closes": it_closes,
}


class Inbox:
    """The messages of a channel, in order."""

    def __init__(self, channel: RTCDataChannel):
        self._messages: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._open, self._closed = asyncio.Event(), asyncio.Event()
        channel.on("message", self._messages.put_nowait)
        channel.on("open", self._open.set)
        channel.on("close", self._closed.set)
        if channel.readyState == "open":
            self._open.set()

    async def opened(self) -> None:
        await self._open.wait()

    async def closed(self) -> None:
        await self._closed.wait()

    async def next(self) -> str | bytes:
        return await self._messages.get()


async def offer(server: Server, call: Call, **more: object) -> None:
    """Offers what the connection has, in a new call or, once there is one, in that."""
    await call.pc.setLocalDescription(await call.pc.createOffer())
    call.offer = call.pc.localDescription.sdp
    again = {"pc_id": call.id} if call.id else {}
    answer = await server.ask("/offer", {"type": "offer", "sdp": call.offer, **again, **more})
    call.id, call.answer = answer["pc_id"], answer["sdp"]
    await call.pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))


async def take_offer(server: Server, call: Call, kinds: str, tracks: Sequence[MediaStreamTrack] = ()) -> None:
    """Has the server offer these kinds, in a new call or, once there is one, in that; answers with the tracks."""
    again = f"&pc_id={call.id}" if call.id else ""
    asked = await server.ask(f"/offer-request?kind={kinds}{again}")
    call.id, call.offer = asked["pc_id"], asked["sdp"]
    await call.pc.setRemoteDescription(RTCSessionDescription(asked["sdp"], asked["type"]))
    for track in tracks:
        call.pc.addTrack(track)
    await call.pc.setLocalDescription(await call.pc.createAnswer())
    call.answer = call.pc.localDescription.sdp
    await server.ask("/answer", {"pc_id": call.id, "type": "answer", "sdp": call.answer})


def arriving(call: Call) -> asyncio.Future[tuple[RTCDataChannel, Inbox]]:
    """The channel that the server makes, once it has come."""
    arrived = asyncio.get_running_loop().create_future()
    call.pc.on("datachannel", lambda channel: arrived.set_result((channel, Inbox(channel))))
    return arrived


async def pings(channel: RTCDataChannel, inbox: Inbox) -> None:
    for number in range(10):
        channel.send(f"ping {number}")
        reply = await inbox.next()
        assert reply == f"pong {number}", reply


async def echoes(channel: RTCDataChannel, inbox: Inbox) -> None:
    for message in ("hello", "Grüße, 世界", "", b"\x00\xff", b"", bytes(60_000)):
        channel.send(message)
        back = await inbox.next()
        assert type(back) is type(message) and back == message, f"{len(message)} sent, {len(back)} came back"


async def megabyte(channel: RTCDataChannel, inbox: Inbox) -> None:
    whole = random.Random(1).randbytes(WHOLE)
    for start in range(0, WHOLE, PIECE):
        channel.send(whole[start : start + PIECE])
    came, digest = 0, hashlib.sha256()
    while came < WHOLE:
        piece = await inbox.next()
        came += len(piece)
        digest.update(piece)
    assert digest.digest() == hashlib.sha256(whole).digest(), f"{came} bytes came back, not the ones that were sent"
