"""Pictures between aiortc's videostream-cli and ours: both record, and the recordings are looked at."""

from pathlib import Path

import av

from programs import Pair, converse, folder_of_its_own

# Of aiortc's flag, whose stripes wave but stay over these points: column, row, and how blue and red they are there (0 to 255).
FLAG = ((220, 240, 255, 0), (320, 240, 255, 255), (420, 240, 0, 255))


def film_checks(pair: Pair) -> dict:
    """A check for each side that offers. Ours ends both calls."""

    async def we_offer(*_) -> dict:
        ours, theirs = commands(pair)
        return await film([*ours, "offer"], [*theirs, "answer"])

    async def it_offers(*_) -> dict:
        ours, theirs = commands(pair)
        return await film([*theirs, "offer"], [*ours, "answer"])

    return {"film: ortica's program offers": we_offer, "film: aiortc's program offers": it_offers}


def commands(pair: Pair) -> tuple[list, list]:
    ours = [*pair.our_program(), "--seconds", "4", "--record-to", "ours.webm"]
    return ours, [*pair.their_program(), "--record-to", "theirs.webm"]


async def film(offerer: list, answerer: list) -> dict:
    async with folder_of_its_own() as folder:
        both = "\n---\n".join(await converse(folder, offerer, answerer))
        assert both.count("Receiving video") == 2 and both.count("Exiting") == 2, both
        flags, pictures = pictures_of(folder / "ours.webm"), pictures_of(folder / "theirs.webm")
        for column, row, blue, red in FLAG:
            pixel = flags[-1][row, column]
            assert abs(int(pixel[0]) - blue) < 60 and abs(int(pixel[2]) - red) < 60, f"{(column, row)}: {pixel}"
        assert pictures[-1].std() > 20, "what aiortc recorded shows nothing"
        assert (pictures[-1] != pictures[0]).any(), "what aiortc recorded stands still"
        return {"pictures_here": len(flags), "pictures_there": len(pictures)}


def pictures_of(file: Path) -> list:
    """As blue, green and red."""
    with av.open(str(file)) as container:
        pictures = [it.to_ndarray(format="bgr24") for it in container.decode(video=0)]
    # How many there are depends on how fast both encode.
    assert len(pictures) >= 2, f"{len(pictures)} pictures in {file.name}"
    assert all(it.shape == (480, 640, 3) for it in pictures), file.name
    return pictures
