'use strict';
// Pictures that follow from their number, which can be read from them: for the page, beside call.js.
(() => {

const WIDTH = 320;
const HEIGHT = 240;
const FPS = 15;
// Pixels from one picture to the next.
const STEP = 8;

// The strip at the top: the number in blocks, black for 0 and white for 1.
const STRIP = 24;
const BITS = 16;
const BLOCK = WIDTH / BITS;

// Red, beside the middle of the picture, so that it can be seen how far that has turned.
const MARK = { away: 70, radius: 16 };

// A number for pictures that stand still.
const STILL = 0x5a5;

// Twelve bits and four that check them; neither black nor white is a number.
const code = (number) => {
  const low = number & 0xfff;
  return (low << 4) | ((low ^ (low >> 4) ^ (low >> 8) ^ 0x5) & 0xf);
};

function draw(canvas, number) {
  // Shades that wander, dark to light and back within a width.
  const start = -(number * STEP % WIDTH);
  const shades = canvas.createLinearGradient(start, 0, start + 2 * WIDTH, 0);
  for (let half = 0; half <= 4; half++) shades.addColorStop(half / 4, half % 2 ? '#e8e8e8' : '#202020');
  box(canvas, shades, 0, 0, WIDTH, HEIGHT);
  for (let bit = 0; bit < BITS; bit++) {
    box(canvas, (code(number) >> bit) & 1 ? '#fff' : '#000', bit * BLOCK, 0, BLOCK, STRIP);
  }
  // Outlines that stay.
  for (let x = 0; x < 6; x++) {
    for (let y = 0; y < 12; y++) box(canvas, (x + y) % 2 ? '#fff' : '#000', 16 + x * 16, 36 + y * 16, 16, 16);
  }
  canvas.fillStyle = '#e01010';
  canvas.beginPath();
  canvas.arc(WIDTH / 2 + MARK.away, HEIGHT / 2, MARK.radius, 0, 2 * Math.PI);
  canvas.fill();
}

function box(canvas, colour, x, y, width, height) {
  canvas.fillStyle = colour;
  canvas.fillRect(x, y, width, height);
}

const newCanvas = () => Object.assign(document.createElement('canvas'), { width: WIDTH, height: HEIGHT })
  .getContext('2d', { willReadFrequently: true });

const pixelsOf = (canvas) => canvas.getImageData(0, 0, WIDTH, HEIGHT).data;

/** The RGBA bytes of the picture of this number. */
const picture = (number) => {
  const canvas = newCanvas();
  draw(canvas, number);
  return pixelsOf(canvas);
};

/** The number that a picture carries; undefined if none can be read. */
const numberOf = (pixels) => {
  let read = 0;
  for (let bit = 0; bit < BITS; bit++) {
    const green = pixels[4 * (WIDTH * STRIP / 2 + bit * BLOCK + BLOCK / 2) + 1];
    read |= green > 128 ? 1 << bit : 0;
  }
  return code(read >> 4) === read ? read >> 4 : undefined;
};

/** A track of pictures: of one number after the other, or with `still` of the same one all the time. */
function pictures({ still = false } = {}) {
  const canvas = newCanvas();
  let number = 0;
  const next = () => draw(canvas, still ? STILL : number++);
  next();
  const [track] = canvas.canvas.captureStream(FPS).getTracks();
  setInterval(next, 1000 / FPS);
  return track;
}

/** What a video track shows from now on: `count` pictures as {pixels, seconds}, by the time of their RTP timestamps. */
async function look(track, count) {
  const video = document.createElement('video');
  Object.assign(video, { muted: true, srcObject: new MediaStream([track]) });
  const canvas = newCanvas();
  const seen = [];
  const ended = new Promise((resolve, reject) => {
    const take = (_, { rtpTimestamp, width, height }) => {
      if (width !== WIDTH || height !== HEIGHT) return reject(new Error(`a picture of ${width} x ${height}`));
      // Chromium may announce the first picture a little before it can be drawn.
      if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
        canvas.drawImage(video, 0, 0);
        seen.push({ pixels: pixelsOf(canvas), seconds: rtpTimestamp / 90_000 });
      }
      if (seen.length === count) return resolve(seen);
      return video.requestVideoFrameCallback(take);
    };
    video.requestVideoFrameCallback(take);
  });
  video.play().catch(() => {});
  try {
    const missing = () => `${seen.length} of ${count} pictures; the track is ${track.muted ? 'muted' : track.readyState}`;
    return await within(20, missing, ended);
  } finally {
    video.srcObject = null;
  }
}

Object.assign(window, { HEIGHT, MARK, STILL, STRIP, WIDTH, look, numberOf, picture, pictures });
})();
