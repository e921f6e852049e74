"""Round trips between aiortc's datachannel-cli and ours."""

import signal

from programs import Pair, converse, folder_of_its_own

PINGS = 3


def ping_checks(pair: Pair) -> dict:
    """A check for each side that offers, which is the one that measures."""

    async def we_offer(*_) -> dict:
        async with folder_of_its_own() as folder:
            ours = [*pair.our_program(), "offer", "--pings", str(PINGS), "--interval", "100"]
            return judge(*await converse(folder, ours, [*pair.their_program(), "answer"]), exactly=True)

    async def it_offers(*_) -> dict:
        async with folder_of_its_own() as folder:
            theirs, ours = [*pair.their_program(), "offer"], [*pair.our_program(), "answer"]
            return judge(*await converse(folder, theirs, ours, interrupt), exactly=False)

    return {"pings: ortica's program measures": we_offer, "pings: aiortc's program measures": it_offers}


async def interrupt(offerer, answerer) -> dict:
    """Ends the answerer, which is ours, once enough was measured: the other goes on until it is told."""
    said = ""
    while said.count(" RTT ") < PINGS:
        line = await offerer.stdout.readline()
        assert line, said
        said += line.decode(errors="replace")
    answerer.send_signal(signal.SIGINT)
    return {offerer: said}


def judge(offered: str, answered: str, exactly: bool) -> dict:
    """Each ping has its reply on both sides, and both sides ended because one said goodbye."""
    both = f"{offered}\n---\n{answered}"
    for said, line in ((offered, "channel(chat) < pong "), (answered, "channel(chat) < ping ")):
        count = sum(it.startswith(line) for it in said.splitlines())
        assert count == PINGS if exactly else count >= PINGS, both
        assert "Exiting" in said.splitlines(), both
    took = [float(it.split()[1]) for it in offered.splitlines() if it.startswith(" RTT ")]
    assert len(took) >= PINGS and all(it > 0 for it in took), both
    return {"round_trips_ms": took}
