'use strict';
// Keys of a telephone (DTMF): for the page, beside the other files here.
(() => {

// The two tones of each key (ITU-T Q.23), in hertz.
const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477, 1633];
const PAD = ['123A', '456B', '789C', '*0#D'];

/** Sends a tone. */
async function addTone() {
  window.side.pc.addTrack(await tone());
}

/** Plays keys over what sends sound. */
function playKeys(keys, duration, gap) {
  const { pc } = window.side;
  pc.getSenders().find(({ track }) => track?.kind === 'audio').dtmf.insertDTMF(keys, duration, gap);
}

const receivedSound = () => window.side.pc.getReceivers().find(({ track }) => track.kind === 'audio').track;

/** Records what comes until `accepts` says yes to a second of it; what it said. */
async function hears(accepts, what) {
  const track = receivedSound();
  const audio = Object.assign(new Audio(), { muted: true, srcObject: new MediaStream([track]) });
  audio.play().catch(() => {});
  try {
    for (let tries = 0; tries < 10; tries++) {
      const accepted = accepts(await record(track));
      if (accepted) return accepted;
    }
    throw new Error(`${what} is not heard`);
  } finally {
    audio.srcObject = null;
  }
}

/**
 * Which share of the power is at these frequencies, in the worst tenth of half a second, wherever in the samples that is best. A tenth
 * is too short to tell 770 Hz from what a browser makes of it.
 */
function share(samples, frequencies) {
  const piece = RATE / 20;
  const shares = [];
  for (let at = 0; at + piece <= samples.length; at += piece) {
    const part = samples.subarray(at, at + piece);
    const all = loudness(part) ** 2;
    // Silence is no tone.
    shares.push(all > 1e-6 ? frequencies.reduce((sum, hertz) => sum + power(part, hertz), 0) / all : 0);
  }
  return Math.max(0, ...shares.slice(9).map((_, at) => Math.min(...shares.slice(at, at + 10))));
}

const rounded = (number) => Math.round(number * 1000) / 1000;

/** Waits until half a second is heard that is 90 % the two tones of a key; how much of it is. */
function hearsKey(key) {
  const row = PAD.findIndex((keys) => keys.includes(key));
  const frequencies = [ROWS[row], COLUMNS[PAD[row].indexOf(key)]];
  const accepts = (samples) => {
    const pure = share(samples, frequencies);
    // Either of the two alone is another sound.
    return pure > 0.9 && frequencies.every((hertz) => share(samples, [hertz]) < 0.8) && rounded(pure);
  };
  return hears(accepts, `the key ${key}`);
}

/** Waits until half a second of the tone of 440 Hz is heard. */
function hearsTone() {
  return hears((samples) => share(samples, [HERTZ]) > 0.9, 'the tone');
}

/** Ceases to send anything, without negotiation. Firefox counts nothing of senders without a track. */
async function sendNothing() {
  const isFirefox = navigator.userAgent.includes('Firefox');
  const cease = (sender) => (isFirefox ? sender.track?.stop() : sender.replaceTrack(null));
  await Promise.all(window.side.pc.getSenders().map(cease));
}

/** All that is counted, as a list. */
async function allStats() {
  return [...(await window.side.pc.getStats()).values()];
}

Object.assign(window, { addTone, allStats, hearsKey, hearsTone, playKeys, sendNothing });
})();
