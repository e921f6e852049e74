"""Sound and pictures with known content: made, and judged when they come back."""

import asyncio
import fractions
import math
import statistics
import time
from array import array

from aiortc import MediaStreamTrack
from av import AudioFrame, VideoFrame

RATE = 48_000
SAMPLES = RATE // 50
HERTZ = 440
AMPLITUDE = 0.25 * 32_767

WIDTH, HEIGHT, FPS = 320, 240, 30
STRIP = 16  # rows at the top that say which picture it is, in 16 bits
BIT = WIDTH // 16
WAVE = 128  # pixels until the pattern repeats


class Paced(MediaStreamTrack):
    """Gives one frame each `interval` seconds."""

    interval: float

    def __init__(self) -> None:
        super().__init__()
        self._start: float | None = None
        self._number = 0

    async def recv(self) -> AudioFrame | VideoFrame:
        self._start = self._start or time.monotonic()
        await asyncio.sleep(max(0, self._start + self._number * self.interval - time.monotonic()))
        frame = self.make(self._number)
        self._number += 1
        return frame


class Tone(Paced):
    """A sine of one frequency."""

    kind = "audio"
    interval = SAMPLES / RATE

    def make(self, number: int) -> AudioFrame:
        start = number * SAMPLES
        angles = ((start + at) % RATE * HERTZ * math.tau / RATE for at in range(SAMPLES))
        frame = AudioFrame(format="s16", layout="stereo", samples=SAMPLES)
        samples = (round(AMPLITUDE * math.sin(angle)) for angle in angles)
        # On both sides: FFmpeg takes 3 dB off when it makes two of one.
        frame.planes[0].update(array("h", (it for sample in samples for it in (sample, sample))).tobytes())
        frame.sample_rate, frame.time_base, frame.pts = RATE, fractions.Fraction(1, RATE), start
        return frame


class Picture(Paced):
    """Slanted stripes that wander, under a strip of bits with the number of the picture."""

    kind = "video"
    interval = 1 / FPS

    def make(self, number: int) -> VideoFrame:
        frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
        blue, red = colour(number)
        put(frame.planes[0], [strip(number)] * STRIP + stripes(number))
        put(frame.planes[1], [bytes([blue]) * (WIDTH // 2)] * (HEIGHT // 2))
        put(frame.planes[2], [bytes([red]) * (WIDTH // 2)] * (HEIGHT // 2))
        frame.time_base, frame.pts = fractions.Fraction(1, 90_000), number * 90_000 // FPS
        return frame


async def hear(track: MediaStreamTrack) -> dict:
    """Listens for a second to a tone that comes back; its frequency, level and purity have to be those that were sent."""
    while loudness(await next_sound(track)) < AMPLITUDE / 4:
        pass
    for _ in range(25):  # codecs and jitter buffers settle
        await next_sound(track)
    heard, rate = array("h"), RATE
    while len(heard) < rate:
        frame = await track.recv()
        rate = frame.sample_rate
        heard.extend(left(frame))
    hertz = frequency(heard, rate)
    level = 20 * math.log10(loudness(heard) * math.sqrt(2) / AMPLITUDE)
    purity = share(heard, HERTZ, rate)
    assert abs(hertz - HERTZ) < HERTZ / 100, f"{hertz:.1f} Hz came back, {HERTZ} were sent"
    assert abs(level) < 2, f"the tone came back {level:+.1f} dB"
    assert purity > 0.9, f"{purity:.0%} of what came back is the tone"
    return {"hertz": round(hertz, 1), "decibels": round(level, 2), "purity": round(purity, 3)}


async def see(track: MediaStreamTrack, count: int = 45) -> dict:
    """Looks at pictures that come back; each has to look like the one whose number it carries."""
    numbers: list[int] = []
    likeness: list[float] = []
    colours: list[float] = []
    while len(numbers) < count:
        frame = await track.recv()
        assert (frame.width, frame.height) == (WIDTH, HEIGHT), f"{frame.width} x {frame.height}"
        frame = frame.reformat(format="yuv420p")
        number = read_strip(frame)
        assert number is not None, "no number can be read from the picture"
        numbers.append(number)
        likeness.append(psnr(rows(frame.planes[0], WIDTH, HEIGHT)[STRIP::2], stripes(number)[::2]))
        middle = [rows(plane, WIDTH // 2, HEIGHT // 2)[HEIGHT // 4][WIDTH // 4] for plane in frame.planes[1:]]
        colours.append(max(abs(a - b) for a, b in zip(middle, colour(number))))
    assert numbers == sorted(set(numbers)), f"out of order: {numbers}"
    mean, least = statistics.fmean(likeness), min(likeness)
    assert mean > 30 and least > 24, f"PSNR {mean:.1f} dB, at least {least:.1f}"
    assert max(colours) < 16, f"the colour is {max(colours)} of 255 away"
    lost = numbers[-1] - numbers[0] + 1 - len(numbers)
    assert lost <= count // 3, f"{lost} pictures are missing among {numbers}"
    return {"psnr": round(mean, 1), "least": round(least, 1), "missing": lost}


# --- sound ------------------------------------------------------------------------------------------------------------


async def next_sound(track: MediaStreamTrack) -> array:
    return left(await track.recv())


def left(frame: AudioFrame) -> array:
    channels = len(frame.layout.channels)
    return array("h", bytes(frame.planes[0])[: frame.samples * channels * 2])[::channels]


def loudness(samples: array) -> float:
    return math.sqrt(sum(sample * sample for sample in samples) / len(samples))


def frequency(samples: array, rate: int) -> float:
    """By the middle one of the times between rises through zero, which a gap does not move."""
    pairs = enumerate(zip(samples, samples[1:]))
    rises = [at + before / (before - after) for at, (before, after) in pairs if before < 0 <= after]
    return rate / statistics.median(b - a for a, b in zip(rises, rises[1:]))


def share(samples: array, hertz: float, rate: int) -> float:
    """How much of the power is at this frequency, by pieces of 20 ms, so that a gap spoils only its own."""
    size = rate // 50
    pieces = [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]
    return statistics.median(power(piece, hertz, rate) / max(1, loudness(piece) ** 2) for piece in pieces)


def power(samples: array, hertz: float, rate: int) -> float:
    step = hertz * math.tau / rate
    real = sum(sample * math.cos(step * at) for at, sample in enumerate(samples))
    imaginary = sum(sample * math.sin(step * at) for at, sample in enumerate(samples))
    return 2 * (real**2 + imaginary**2) / len(samples) ** 2


# --- pictures ---------------------------------------------------------------------------------------------------------

ROW = bytes(round(128 + 80 * math.sin(math.tau * at / WAVE)) for at in range(WAVE)) * (WIDTH // WAVE + 2)


def stripes(number: int) -> list[bytes]:
    starts = ((number * 3 + y) % WAVE for y in range(HEIGHT - STRIP))
    return [ROW[start : start + WIDTH] for start in starts]


def colour(number: int) -> tuple[int, int]:
    angle = math.tau * number / 300
    return round(128 + 60 * math.cos(angle)), round(128 + 60 * math.sin(angle))


def strip(number: int) -> bytes:
    return b"".join((b"\xeb" if code(number) >> bit & 1 else b"\x10") * BIT for bit in range(16))


def code(number: int) -> int:
    """Twelve bits and four that check them."""
    low = number & 0xFFF
    return low << 4 | (low ^ low >> 4 ^ low >> 8) & 0xF


def read_strip(frame: VideoFrame) -> int | None:
    row = rows(frame.planes[0], WIDTH, STRIP)[STRIP // 2]
    bits = (row[bit * BIT + BIT // 2] > 128 for bit in range(16))
    read = sum(is_set << bit for bit, is_set in enumerate(bits))
    return read >> 4 if code(read >> 4) == read else None


def put(plane, lines: list[bytes]) -> None:
    plane.update(b"".join(line.ljust(plane.line_size, b"\0") for line in lines))


def rows(plane, width: int, height: int) -> list[bytes]:
    data = bytes(plane)
    return [data[y * plane.line_size : y * plane.line_size + width] for y in range(height)]


def psnr(came: list[bytes], sent: list[bytes]) -> float:
    squares = sum((a - b) ** 2 for one, other in zip(came, sent, strict=True) for a, b in zip(one, other))
    return 10 * math.log10(255**2 * len(sent) * WIDTH / max(1, squares))
