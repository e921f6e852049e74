'use strict';
// A tone to send, and ears for what comes back: for the page, beside call.js.
(() => {

const RATE = 48_000;
const HERTZ = 440;

// Without a sound device Firefox runs no AudioContext, but its fake microphone hums at the frequency that launch.mjs sets.
const isFirefox = navigator.userAgent.includes('Firefox');
/** The amplitude of the tone; full scale is 1. */
const LEVEL = isFirefox ? 0.1 : 0.25;

/** A track with a sine of 440 Hz. */
async function tone() {
  if (isFirefox) {
    const untouched = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    return (await navigator.mediaDevices.getUserMedia({ audio: untouched })).getAudioTracks()[0];
  }
  const context = new AudioContext({ sampleRate: RATE });
  const oscillator = new OscillatorNode(context, { frequency: HERTZ });
  const out = context.createMediaStreamDestination();
  oscillator.connect(new GainNode(context, { gain: LEVEL })).connect(out);
  oscillator.start();
  return out.stream.getAudioTracks()[0];
}

/** A second of what is on the track, as samples at 48 kHz: recorded, since both browsers can, and decoded. */
async function record(track) {
  const recorder = new MediaRecorder(new MediaStream([track]));
  const pieces = [];
  recorder.ondataavailable = ({ data }) => pieces.push(data);
  const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.start();
  await pause(1000);
  recorder.stop();
  await within(5, () => 'the end of the recording', stopped);
  const bytes = await new Blob(pieces).arrayBuffer();
  // While nothing arrives the recording is empty, or nothing but a header.
  return new OfflineAudioContext(1, RATE, RATE).decodeAudioData(bytes)
    .then((decoded) => decoded.getChannelData(0), () => new Float32Array(0));
}

/** What is heard in samples: frequency, level against what was sent, and the share of the power that is the tone's. */
function hear(samples) {
  const piece = RATE / 50;
  const pieces = [];
  for (let at = 0; at + piece <= samples.length; at += piece) pieces.push(samples.subarray(at, at + piece));
  return {
    hertz: frequency(samples),
    decibels: 20 * Math.log10(Math.sqrt(2) * median(pieces.map(loudness)) / LEVEL),
    purity: median(pieces.map((piece) => power(piece, HERTZ) / (loudness(piece) ** 2 || 1))),
  };
}

const median = (values) => Array.from(values).sort((a, b) => a - b)[values.length >> 1] ?? 0;

const loudness = (samples) => Math.sqrt(samples.reduce((sum, sample) => sum + sample ** 2, 0) / samples.length);

// By the middle one of the times between rises through zero, which a gap does not move.
function frequency(samples) {
  const rises = [];
  for (let at = 1; at < samples.length; at++) {
    const [before, after] = [samples[at - 1], samples[at]];
    if (before < 0 && after >= 0) rises.push(at + before / (before - after));
  }
  return RATE / median(rises.slice(1).map((rise, at) => rise - rises[at]));
}

function power(samples, hertz) {
  let [real, imaginary] = [0, 0];
  samples.forEach((sample, at) => {
    real += sample * Math.cos(2 * Math.PI * hertz * at / RATE);
    imaginary += sample * Math.sin(2 * Math.PI * hertz * at / RATE);
  });
  return 2 * (real ** 2 + imaginary ** 2) / samples.length ** 2;
}

/** Throws if samples are not the tone that was sent, within 1 % and 2 dB, 90 % pure; returns what was heard. */
function isTheTone(samples) {
  const { hertz, decibels, purity } = hear(samples);
  const isLong = samples.length > RATE / 2;
  if (!isLong || Math.abs(hertz - HERTZ) > HERTZ / 100 || Math.abs(decibels) > 2 || purity < 0.9) {
    throw new Error(`not the tone that was sent but ${samples.length} samples of ${hertz.toFixed(1)} Hz, `
      + `${decibels.toFixed(1)} dB, ${(100 * purity).toFixed(0)} % pure`);
  }
  return { hertz: Number(hertz.toFixed(1)), decibels: Number(decibels.toFixed(2)), purity: Number(purity.toFixed(3)) };
}

/** Listens to a track until the tone is heard for a second; what comes before it may be jumbled. */
async function listen(track) {
  const audio = Object.assign(new Audio(), { muted: true, srcObject: new MediaStream([track]) });
  audio.play().catch(() => {});
  try {
    for (let tries = 1; ; tries++) {
      const samples = await record(track);
      try {
        return { ...isTheTone(samples), recordings: tries };
      } catch (error) {
        if (tries === 10) throw error;
      }
    }
  } finally {
    audio.srcObject = null;
  }
}

Object.assign(window, { HERTZ, LEVEL, RATE, isTheTone, listen, loudness, power, record, tone });
})();
