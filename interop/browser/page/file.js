'use strict';
// A page's side of datachannel-filexfer: a channel called filexfer, messages of bytes, an empty one at the end. A transfer ends with
// {length, hash, seconds}; the hash is SHA-256 over the SHA-256 of each MiB, since browsers hash nothing piece by piece.
(() => {

const MESSAGE_LEN = 64 * 1024;
const BLOCK_LEN = 1 << 20;
// The page pauses when this much is buffered, and goes on when no more than that is.
const [HIGH, LOW] = [4 << 20, 1 << 20];

const hash = async (digests) => {
  const whole = await new Blob(await Promise.all(digests)).arrayBuffer();
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', whole));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
};

const seconds = (started) => (performance.now() - started) / 1000;

const described = async ({ pc }) => {
  await allGathered(pc);
  const { type, sdp } = pc.localDescription;
  theCall[type] = sdp;
  return { type, sdp };
};

// --- the side that has the file

async function offerFile() {
  const call = newCall();
  call.channel = call.pc.createDataChannel('filexfer');
  await call.pc.setLocalDescription();
  return described(call);
}

async function takeAnswer(answer) {
  theCall.answer = answer.sdp;
  await theCall.pc.setRemoteDescription(answer);
  await whenOpen(theCall.channel, theCall.pc);
}

// Sends so many bytes that repeat nowhere soon.
async function sendFile(length) {
  const { channel } = theCall;
  channel.bufferedAmountLowThreshold = LOW;
  const [words, digests, started] = [new Uint32Array(BLOCK_LEN / 4), [], performance.now()];
  let state = 0x9e3779b9;
  for (let left = length; left > 0; left -= BLOCK_LEN) {
    for (let at = 0; at < words.length; at++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[at] = state;
    }
    const block = new Uint8Array(words.buffer, 0, Math.min(left, BLOCK_LEN));
    digests.push(crypto.subtle.digest('SHA-256', block));
    for (let at = 0; at < block.length; at += MESSAGE_LEN) channel.send(block.subarray(at, at + MESSAGE_LEN));
    if (channel.bufferedAmount > HIGH) await until(channel, 'bufferedamountlow', () => channel.bufferedAmount <= LOW);
  }
  channel.send(new Uint8Array(0));
  await until(channel, 'bufferedamountlow', () => channel.bufferedAmount <= LOW);
  return { length, hash: await hash(digests), seconds: seconds(started) };
}

// --- the side that wants it

// Blocks as they are filled by messages of any length.
class Blocks {
  digests = [];
  length = 0;
  #block = new Uint8Array(BLOCK_LEN);
  #filled = 0;

  push(bytes) {
    this.length += bytes.length;
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + BLOCK_LEN - this.#filled);
      this.#block.set(piece, this.#filled);
      this.#filled += piece.length;
      at += piece.length;
      if (this.#filled === BLOCK_LEN) this.flush();
    }
  }

  flush() {
    if (this.#filled > 0) this.digests.push(crypto.subtle.digest('SHA-256', this.#block.subarray(0, this.#filled)));
    this.#filled = 0;
  }
}

async function answerFile(offer) {
  const call = newCall();
  const blocks = new Blocks();
  call.offer = offer.sdp;
  call.received = new Promise((resolve, reject) => {
    call.pc.ondatachannel = ({ channel }) => {
      const started = performance.now();
      channel.binaryType = 'arraybuffer';
      channel.onmessage = ({ data }) => {
        if (data.byteLength > 0) return blocks.push(new Uint8Array(data));
        blocks.flush();
        resolve({ blocks, seconds: seconds(started) });
      };
      channel.onclose = () => reject(new Error(`the channel closed after ${blocks.length} bytes`));
    };
  });
  await call.pc.setRemoteDescription(offer);
  await call.pc.setLocalDescription();
  return described(call);
}

async function receiveFile() {
  const { blocks, seconds } = await theCall.received;
  return { length: blocks.length, hash: await hash(blocks.digests), seconds };
}

Object.assign(window, { answerFile, offerFile, receiveFile, sendFile, takeAnswer });
})();
