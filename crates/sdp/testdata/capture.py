"""Makes the aiortc files of this folder: python capture.py OUT_DIR (pip install aiortc)."""

import asyncio
import pathlib
import re
import sys

from aiortc import (
    RTCConfiguration,
    RTCBundlePolicy,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

OUT = pathlib.Path(sys.argv[1])


def scrub(sdp: str) -> str:
    """aiortc writes the machine's own addresses: put documentation addresses (RFC 5737, RFC 3849) in their place."""
    v4, v6 = {}, {}

    def map4(match):
        if match[0] in ("0.0.0.0", "127.0.0.1"):
            return match[0]
        return v4.setdefault(match[0], f"192.0.2.{len(v4) + 1}")

    def map6(match):
        return match[1] + v6.setdefault(match[2], f"2001:db8::{len(v6) + 1:x}") + match[3]

    sdp = re.sub(r"\b\d{1,3}(?:\.\d{1,3}){3}\b", map4, sdp)
    return re.sub(r"(udp \d+ |raddr |IP6 )([0-9a-fA-F]*:[0-9a-fA-F:]+)(\s)", map6, sdp)


def keep(name: str, sdp: str) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"aiortc-{name}.sdp").write_bytes(scrub(sdp).encode())
    print(name, len(sdp))


async def exchange(name, configuration, fill_a, fill_b=lambda pc: None):
    a, b = RTCPeerConnection(configuration), RTCPeerConnection(configuration)
    fill_a(a)
    await a.setLocalDescription(await a.createOffer())
    keep(f"{name}-offer", a.localDescription.sdp)
    await b.setRemoteDescription(RTCSessionDescription(a.localDescription.sdp, "offer"))
    fill_b(b)
    await b.setLocalDescription(await b.createAnswer())
    keep(f"{name}-answer", b.localDescription.sdp)
    await asyncio.gather(a.close(), b.close())


def av_data(pc):
    pc.addTrack(AudioStreamTrack())
    pc.addTrack(VideoStreamTrack())
    pc.createDataChannel("chat")


def legacy_data(pc):
    pc.createDataChannel("chat")
    pc._sctpLegacySdp = True  # as its own tests do: m=application .. DTLS/SCTP 5000 with a=sctpmap


def recvonly(pc):
    pc.addTransceiver("audio", direction="recvonly")
    pc.addTransceiver("video", direction="recvonly")


def one_codec(pc):
    video = pc.addTransceiver("video", direction="sendrecv")
    codecs = RTCRtpReceiver.getCapabilities("video").codecs
    video.setCodecPreferences([c for c in codecs if c.mimeType in ("video/VP8", "video/rtx")])


def hold_video(pc):
    pc.getTransceivers()[1].direction = "inactive"


async def main():
    default = RTCConfiguration()
    await exchange("av-data", default, av_data, lambda pc: pc.addTrack(AudioStreamTrack()))
    await exchange("max-bundle", RTCConfiguration(bundlePolicy=RTCBundlePolicy.MAX_BUNDLE), av_data)
    await exchange("max-compat", RTCConfiguration(bundlePolicy=RTCBundlePolicy.MAX_COMPAT), av_data)
    await exchange("recvonly", default, recvonly, lambda pc: pc.addTrack(AudioStreamTrack()))
    await exchange("one-codec", default, one_codec)
    await exchange("inactive", default, av_data, hold_video)
    await exchange("legacy-data", default, legacy_data)


asyncio.run(main())
