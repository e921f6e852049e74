'use strict';
// Calls with sound and pictures: for the page, beside the other files here.
(() => {

/** Sends a tone or pictures, as `kind` says. */
const send = async (pc, kind, options) => { pc.addTrack(kind === 'audio' ? await tone() : pictures(options)); };

const received = (pc, kind) => pc.getReceivers().find(({ track }) => track.kind === kind).track;

/** Listens for the tone that was sent. */
const hearTone = ({ pc }) => listen(received(pc, 'audio'));

/** Looks at pictures: each as it was sent, one after the other. */
async function seePictures({ pc }) {
  const came = await look(received(pc, 'video'), 20);
  const figures = looksLike.none(came);
  const numbers = came.map(({ pixels }) => numberOf(pixels));
  const distinct = new Set(numbers).size;
  const ordered = numbers.every((number, at) => at === 0 || number >= numbers[at - 1]);
  if (!ordered || distinct < 15) throw new Error(`numbers of the pictures: ${numbers}`);
  return { ...figures, missing: numbers.at(-1) - numbers[0] + 1 - distinct };
}

const hearAndSee = async (call) => {
  const [heard, seen] = await Promise.all([hearTone(call), seePictures(call)]);
  return { ...heard, ...seen };
};

/** A call's still pictures as this transform of the server makes them. */
async function transformed(transform) {
  const call = newCall();
  await send(call.pc, 'video', { still: true });
  await negotiate(call, { transform });
  // The first ones are coarse, until the encoders have found their rate.
  return (await look(received(call.pc, 'video'), 20)).slice(8);
}

/** Negotiates this direction for all media. */
async function turn(call, direction) {
  for (const transceiver of call.pc.getTransceivers()) transceiver.direction = direction;
  await negotiate(call);
  for (const { currentDirection } of call.pc.getTransceivers()) equal(currentDirection, direction, 'direction');
}

/** Waits until half a second passes without a packet of media, in either direction. */
async function quiet(pc) {
  const packets = async () => [...(await pc.getStats()).values()]
    .reduce((sum, { type, packetsReceived = 0, packetsSent = 0 }) => {
      return ['inbound-rtp', 'outbound-rtp'].includes(type) ? sum + packetsReceived + packetsSent : sum;
    }, 0);
  let before = -1;
  for (let tries = 0; tries < 20; tries++) {
    const now = await packets();
    if (now === before) return;
    before = now;
    await pause(500);
  }
  throw new Error('media go on');
}

/** Why each of these threw, which all of them have to. */
function refusals(attempts) {
  const reason = ([what, attempt]) => {
    try {
      attempt();
    } catch (error) {
      return [what, error.message];
    }
    throw new Error(`${what} is accepted`);
  };
  return { refused: Object.fromEntries(Object.entries(attempts).map(reason)) };
}

Object.assign(window, { hearAndSee, hearTone, quiet, refusals, seePictures, send, transformed, turn });
})();
