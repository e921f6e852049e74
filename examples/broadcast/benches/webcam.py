"""aiortc's example `webcam`, with a file in the place of its camera: webcam.py FOLDER FILE [OPTIONS OF THE EXAMPLE]..

What it does with the camera's pictures, a relay and an encoder for each viewer, is left as it is.
"""

import runpy
import sys

import aiortc.contrib.media as media

folder, film = sys.argv[1:3]
sys.argv = [f"{folder}/webcam.py", *sys.argv[3:]]
MediaPlayer = media.MediaPlayer
media.MediaPlayer = lambda *_, **__: MediaPlayer(film, loop=True)
runpy.run_path(sys.argv[0], run_name="__main__")
