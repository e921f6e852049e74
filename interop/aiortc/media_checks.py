"""What is checked about sound and pictures: what comes back is listened to and looked at."""

import asyncio
import re
from functools import partial

from aiortc import MediaStreamTrack, RTCRtpSender, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

from checks import Call, Inbox, arriving, offer, pings, take_offer
from media import Picture, Tone, hear, see
from server import Server


async def we_offer(server: Server, call: Call) -> dict:
    tracks = Tracks(call)
    call.pc.addTrack(Tone())
    call.pc.addTrack(Picture())
    channel = call.pc.createDataChannel("chat")
    inbox = Inbox(channel)
    await offer(server, call)
    await inbox.opened()
    heard, seen, _ = await asyncio.gather(hear(await tracks.audio), see(await tracks.video), pings(channel, inbox))
    return heard | seen


async def it_offers(server: Server, call: Call) -> dict:
    tracks = Tracks(call)
    await take_offer(server, call, "audio,video,data", [Tone(), Picture()])
    heard, seen = await asyncio.gather(hear(await tracks.audio), see(await tracks.video))
    return heard | seen


async def we_offer_video_later(server: Server, call: Call) -> dict:
    tracks = Tracks(call)
    call.pc.addTrack(Tone())
    await offer(server, call)
    before = await hear(await tracks.audio)
    call.pc.addTrack(Picture())
    await offer(server, call)
    seen = await see(await tracks.video)
    return before | seen | {"after": await hear(await tracks.audio)}


async def it_offers_video_later(server: Server, call: Call) -> dict:
    tracks = Tracks(call)
    await take_offer(server, call, "audio", [Tone()])
    before = await hear(await tracks.audio)
    await take_offer(server, call, "video", [Picture()])
    seen = await see(await tracks.video)
    return before | seen | {"after": await hear(await tracks.audio)}


async def it_offers_data_and_we_offer_media_later(server: Server, call: Call) -> dict:
    """Data first, since aiortc cannot offer sound that it answered before: its second offer numbers formats and extensions
    anew, while it goes on to send and to take the old ones (RFC 3264 §8.3.2 forbids it)."""
    tracks, arrived = Tracks(call), arriving(call)
    await take_offer(server, call, "data")
    # Nor does it start what is negotiated while DTLS is under way.
    await pings(*await arrived)
    call.pc.addTrack(Tone())
    call.pc.addTrack(Picture())
    await offer(server, call)
    seen, heard = await asyncio.gather(see(await tracks.video), hear(await tracks.audio))
    return heard | seen


async def we_offer_and_it_offers_video_later(server: Server, call: Call) -> dict:
    tracks = Tracks(call)
    call.pc.addTrack(Tone())
    await offer(server, call)
    await hear(await tracks.audio)
    await take_offer(server, call, "video", [Picture()])
    return await see(await tracks.video) | await hear(await tracks.audio)


async def candidates_trickle(server: Server, call: Call) -> dict:
    """aiortc gathers before it describes itself, so that here its candidates are taken out of what it says."""
    tracks = Tracks(call)
    call.pc.addTrack(Tone())
    await call.pc.setLocalDescription(await call.pc.createOffer())
    call.offer, ours = without_candidates(call.pc.localDescription.sdp)
    answer = await server.ask("/offer", {"type": "offer", "sdp": call.offer})
    call.id = answer["pc_id"]
    call.answer, _ = without_candidates(answer["sdp"])
    await call.pc.setRemoteDescription(RTCSessionDescription(call.answer, "answer"))
    for line in ours:
        await server.ask("/candidate", {"pc_id": call.id, "candidate": line, "sdpMid": "0", "sdpMLineIndex": 0})
    await server.ask("/candidate", {"pc_id": call.id, "candidate": ""})
    theirs: list[dict] = []
    while not theirs or theirs[-1]["candidate"]:
        theirs += await server.ask(f"/candidates?pc_id={call.id}")
    # Those without text end the candidates of a section, and at last of all.
    theirs = [told for told in theirs if told["candidate"]]
    for told in theirs:
        candidate = candidate_from_sdp(told["candidate"].removeprefix("candidate:"))
        candidate.sdpMid, candidate.sdpMLineIndex = told["sdpMid"], told["sdpMLineIndex"]
        await call.pc.addIceCandidate(candidate)
    await call.pc.addIceCandidate(None)
    return await hear(await tracks.audio) | {"ours": len(ours), "theirs": len(theirs)}


async def one_codec(codec: str, server: Server, call: Call) -> dict:
    tracks = Tracks(call)
    call.pc.addTrack(Tone())
    (transceiver,) = call.pc.getTransceivers()
    known = RTCRtpSender.getCapabilities("audio").codecs
    transceiver.setCodecPreferences([it for it in known if it.mimeType == f"audio/{codec}"])
    await offer(server, call)
    assert codec.lower() in call.answer.lower(), call.answer
    return await hear(await tracks.audio)


MEDIA_CHECKS = {
    "aiortc offers: audio, video, data": we_offer,
    "the server offers: audio, video, data": it_offers,
    "aiortc offers audio, later video": we_offer_video_later,
    "the server offers audio, later video": it_offers_video_later,
    "the server offers data, later aiortc audio and video": it_offers_data_and_we_offer_media_later,
    "aiortc offers audio, later the server video": we_offer_and_it_offers_video_later,
    "candidates trickle both ways": candidates_trickle,
} | {f"aiortc offers {codec} alone": partial(one_codec, codec) for codec in ("opus", "G722", "PCMU", "PCMA")}


class Tracks:
    """The tracks that the server sends, each when it has come."""

    def __init__(self, call: Call):
        loop = asyncio.get_running_loop()
        self.audio: asyncio.Future[MediaStreamTrack] = loop.create_future()
        self.video: asyncio.Future[MediaStreamTrack] = loop.create_future()
        call.pc.on("track", lambda track: getattr(self, track.kind).set_result(track))


def without_candidates(sdp: str) -> tuple[str, list[str]]:
    """A description and, apart from it, the candidates it had."""
    candidates = re.findall(r"^a=(candidate:.*?)\r?$", sdp, re.MULTILINE)
    return re.sub(r"^a=(candidate:|end-of-candidates).*\n", "", sdp, flags=re.MULTILINE), sorted(set(candidates))
