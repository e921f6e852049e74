"""One measurement of aiortc: two connections on one event loop, which Python's interpreter lock makes of two threads anyway.

Takes the arguments of the other stacks' programs, prints a line of JSON like theirs.
"""

import argparse
import asyncio
import json
import os
import resource
import time
import zlib

from aiortc import RTCPeerConnection

HIGH, LOW = 1 << 20, 512 << 10
PATIENCE = 20


class Sink:
    def __init__(self) -> None:
        self.messages = self.bytes = self.hash = 0

    def take(self, data: bytes) -> None:
        self.messages += 1
        self.bytes += len(data)
        self.hash = chain(self.hash, zlib.crc32(data))


def chain(before: int, message: int) -> int:
    return ((before ^ message) * 0x9E3779B97F4A7C15) & (2**64 - 1)


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def connect(sink: Sink):
    a, b = RTCPeerConnection(), RTCPeerConnection()
    bulk, ping = a.createDataChannel("bulk"), a.createDataChannel("ping")

    @b.on("datachannel")
    def on_datachannel(channel):
        take = sink.take if channel.label == "bulk" else channel.send
        channel.on("message", take)

    opened = [asyncio.Event(), asyncio.Event()]
    for channel, event in zip((bulk, ping), opened):
        channel.on("open", event.set)
    await a.setLocalDescription(await a.createOffer())
    await b.setRemoteDescription(a.localDescription)
    await b.setLocalDescription(await b.createAnswer())
    await a.setRemoteDescription(b.localDescription)
    for event in opened:
        await event.wait()
    return a, b, bulk, ping


class Load:
    def __init__(self, channel, size: int) -> None:
        self.channel, self.sent, self.hash, self.stop = channel, 0, 0, False
        self.messages = [(data, zlib.crc32(data)) for data in (os.urandom(size) for _ in range(61))]
        self.low = asyncio.Event()
        channel.bufferedAmountLowThreshold = LOW
        channel.on("bufferedamountlow", self.low.set)

    async def run(self) -> None:
        while not self.stop:
            if self.channel.bufferedAmount >= HIGH:
                self.low.clear()
                await self.low.wait()
                continue
            data, hash = self.messages[self.sent % len(self.messages)]
            self.sent += 1
            self.hash = chain(self.hash, hash)
            self.channel.send(data)


class Pings:
    def __init__(self, channel) -> None:
        self.channel, self.times, self.counts, self.stop = channel, [], False, False
        self.back = asyncio.Event()
        channel.on("message", lambda _: self.back.set())

    async def run(self) -> None:
        while not self.stop:
            started = time.perf_counter()
            self.back.clear()
            self.channel.send(bytes(64))
            await self.back.wait()
            if self.counts:
                self.times.append(time.perf_counter() - started)


def percentiles(times: list[float]) -> dict:
    times.sort()
    at = lambda share: times[min(len(times) * share // 100, len(times) - 1)] * 1e6 if times else None
    return {"p50": at(50), "p99": at(99), "round_trips": len(times)}


async def measure(kind: str, size: int, seconds: float) -> dict:
    sink = Sink()
    if kind == "setup":
        return await set_up(sink, seconds)
    a, _, bulk, ping = await connect(sink)
    if kind == "handshake":
        ssl = a.sctp.transport._ssl
        version = "1.3" if ssl.get_protocol_version_name().endswith("1.3") else "1.2"
        return {"dtls": version, "suite": ssl.get_cipher_name()}
    load = Load(bulk, size) if kind != "ping" else None
    pings = Pings(ping) if kind != "transfer" else None
    tasks = [asyncio.ensure_future(it.run()) for it in (load, pings) if it]
    await asyncio.sleep(seconds / 4)
    before = time.perf_counter(), cpu(), sink.bytes
    if pings:
        pings.counts = True
    await asyncio.sleep(seconds)
    if pings:
        pings.counts, pings.stop = False, True
    taken, used, size = (now - then for now, then in zip((time.perf_counter(), cpu(), sink.bytes), before))
    result = {"cores": used / taken, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    if pings:
        result |= percentiles(pings.times)
    if load:
        result["mb_per_s"] = size / 1e6 / taken
        if size:
            result["cpu_s_per_gb"] = used / (size / 1e9)
        load.stop = True
        patience = time.monotonic() + PATIENCE
        while sink.messages < load.sent and time.monotonic() < patience:
            await asyncio.sleep(0.005)
        if sink.messages < load.sent:
            result["error"] = f"{sink.messages} of {load.sent} messages arrived"
        elif sink.hash != load.hash:
            result["error"] = "what arrived is not what was sent"
    for task in tasks:
        task.cancel()
    return result


async def set_up(sink: Sink, seconds: float) -> dict:
    times: list[float] = []
    used = cpu()
    while len(times) < 6 or sum(times) < seconds:
        started = time.perf_counter()
        a, b, *_ = await connect(sink)
        times.append(time.perf_counter() - started)
        await asyncio.gather(a.close(), b.close())
        if len(times) == 1:
            used = cpu()
    del times[0]
    return percentiles(times) | {"cpu_ms_per_pair": (cpu() - used) * 1e3 / len(times)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind")
    parser.add_argument("--size", type=int, default=16384)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    try:
        result = asyncio.run(measure(options.kind, options.size, options.seconds))
    except Exception as error:
        result = {"error": repr(error)}
    print(json.dumps(result), flush=True)
    os._exit(0)


main()
