'use strict';
// Pictures in layers side by side (simulcast), and pictures that come: for the page, beside the other files here.
(() => {

// Large enough for three layers: Chromium makes fewer of smaller pictures.
const SCALE = 3;
const FPS = 10;

/** A track of the pictures that picture.js draws, three times as large. */
function largePictures() {
  const small = Object.assign(document.createElement('canvas'), { width: WIDTH, height: HEIGHT }).getContext('2d');
  const large = Object.assign(document.createElement('canvas'), { width: SCALE * WIDTH, height: SCALE * HEIGHT }).getContext('2d');
  large.imageSmoothingEnabled = false;
  let number = 0;
  const next = () => {
    small.putImageData(new ImageData(picture(number++), WIDTH, HEIGHT), 0, 0);
    large.drawImage(small.canvas, 0, 0, SCALE * WIDTH, SCALE * HEIGHT);
  };
  next();
  const [track] = large.canvas.captureStream(FPS).getTracks();
  setInterval(next, 1000 / FPS);
  return track;
}

/** Sends pictures in layers of these names, each of half the size of the next one; gives the size of each. */
async function addLayers(rids) {
  const { side } = window;
  const scale = (at) => 2 ** (rids.length - 1 - at);
  const sendEncodings = rids.map((rid, at) => ({ rid, scaleResolutionDownBy: scale(at) }));
  const { sender } = side.pc.addTransceiver(largePictures(), { direction: 'sendonly', sendEncodings });
  side.layers = sender;
  // A busy processor must not make pictures smaller than was asked for.
  const parameters = sender.getParameters();
  parameters.degradationPreference = 'maintain-resolution';
  await sender.setParameters(parameters);
  return rids.map((rid, at) => ({ rid, width: SCALE * WIDTH / scale(at), height: SCALE * HEIGHT / scale(at) }));
}

/** Has these layers sent, and no others. */
async function sendOnly(rids) {
  const { layers } = window.side;
  const parameters = layers.getParameters();
  for (const encoding of parameters.encodings) encoding.active = rids.includes(encoding.rid);
  await layers.setParameters(parameters);
}

/** Changes which way the layers flow, which is negotiated. */
function turnLayers(direction) {
  const { pc, layers } = window.side;
  pc.getTransceivers().find(({ sender }) => sender === layers).direction = direction;
}

/** What is decoded in each section: how many pictures, and the size of the last one. */
async function picturesSeen() {
  const stats = [...(await window.side.pc.getStats()).values()];
  return stats.filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'video')
    .map(({ mid, framesDecoded: pictures = 0, frameWidth: width, frameHeight: height }) => ({ mid, pictures, width, height }));
}

Object.assign(window, { addLayers, picturesSeen, sendOnly, turnLayers });
})();
