"""Files between aiortc's datachannel-filexfer and ours. They take no part in the call that checks are given."""

import hashlib
import random
import time

from programs import Pair, converse, folder_of_its_own

LENGTH = 4_000_003


def file_checks(pair: Pair) -> dict:
    """A check for each direction."""

    async def we_send(*_) -> dict:
        return await transfer(pair.our_program(), pair.their_program())

    async def it_sends(*_) -> dict:
        return await transfer(pair.their_program(), pair.our_program())

    return {"file: ortica's program sends to aiortc's": we_send, "file: aiortc's program sends to ortica's": it_sends}


async def transfer(sender: list, receiver: list) -> dict:
    """Sends a file, and compares what arrives."""
    async with folder_of_its_own() as folder:
        sent = random.Random(2).randbytes(LENGTH)
        (folder / "out").write_bytes(sent)
        started = time.monotonic()
        await converse(folder, [*sender, "send", "out"], [*receiver, "receive", "in"])
        took = time.monotonic() - started
        received = (folder / "in").read_bytes()
        digests = [hashlib.sha256(it).hexdigest() for it in (sent, received)]
        assert digests[0] == digests[1], f"{len(received)} bytes of {LENGTH} arrived, or others"
        return {"megabytes": LENGTH / 1e6, "mb_per_s": round(LENGTH / 1e6 / took, 2)}
