'use strict';
// One side of a perfect negotiation, as the example of webrtc-pc (10.7) has it; for the page, beside the other files here.
(() => {

/**
 * Starts a call, with a certificate of that algorithm if one is named, and with what else its configuration is to have. What it signals
 * waits for `nextSignals`; what the other side signals comes by `hear`.
 */
async function startSide(polite, algorithm, configuration) {
  // Numbers alone come from outside of the page.
  if (algorithm?.publicExponent) algorithm.publicExponent = Uint8Array.from(algorithm.publicExponent);
  const certificates = algorithm ? [await RTCPeerConnection.generateCertificate(algorithm)] : undefined;
  const { pc } = newCall({ ...configuration, certificates });
  const side = { pc, polite, outbox: [], wake: () => {}, heard: Promise.resolve(), ignored: 0, senders: [] };
  Object.assign(side, { making: false, ignoring: false, answering: false });
  window.side = side;
  const tell = (message) => {
    side.outbox.push(message);
    side.wake();
  };
  side.describe = async () => {
    await pc.setLocalDescription();
    const { type, sdp } = pc.localDescription;
    window.theCall[type === 'offer' ? 'offer' : 'answer'] = sdp;
    tell({ type, sdp });
  };
  pc.onnegotiationneeded = async () => {
    side.making = true;
    await side.describe().finally(() => { side.making = false; });
  };
  pc.onicecandidate = ({ candidate }) => {
    if (!candidate) return;
    tell({ type: 'candidate', candidate: candidate.candidate, id: candidate.sdpMid, label: candidate.sdpMLineIndex });
  };
}

/** What was signalled since the last call, as soon as there is something. */
async function nextSignals() {
  const { side } = window;
  if (side.outbox.length === 0) await new Promise((resolve) => { side.wake = resolve; });
  return side.outbox.splice(0);
}

/** Takes what the other side signals, one message after the other. */
function hear(message) {
  const { side } = window;
  const heard = side.heard.then(() => take(side, message));
  side.heard = heard.catch(() => {});
  return heard;
}

async function take(side, message) {
  const { pc } = side;
  if (message.type === 'candidate') {
    const { candidate, id, label } = message;
    await pc.addIceCandidate({ candidate, sdpMid: id, sdpMLineIndex: label })
      .catch((error) => { if (!side.ignoring) throw error; });
    return;
  }
  const isOffer = message.type === 'offer';
  const ready = !side.making && (pc.signalingState === 'stable' || side.answering);
  side.ignoring = isOffer && !ready && !side.polite;
  if (side.ignoring) {
    side.ignored++;
    return;
  }
  side.answering = message.type === 'answer';
  await pc.setRemoteDescription(message).finally(() => { side.answering = false; });
  if (isOffer) await side.describe();
}

/** How the call is seen from here. */
function view() {
  const { pc, ignored } = window.side;
  const transceivers = pc.getTransceivers().filter(({ currentDirection }) => currentDirection !== 'stopped')
    .map(({ mid, direction, currentDirection, receiver }) => ({ mid, kind: receiver.track.kind, wanted: direction, currentDirection }));
  return { signalingState: pc.signalingState, ignored, transceivers };
}

/** Decoded pictures of each section, by mid. */
async function framesSeen() {
  const stats = [...(await window.side.pc.getStats()).values()];
  return Object.fromEntries(stats.filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'video')
    .map(({ mid, framesDecoded = 0 }) => [mid, framesDecoded]));
}

/** Sends pictures, over a sender that is free or a new one. */
function addPictures() {
  const { side } = window;
  side.senders.push(side.pc.addTrack(pictures()));
}

/** Ceases to send the pictures that were added last. */
function removePictures() {
  const { pc, senders } = window.side;
  pc.removeTrack(senders.pop());
}

Object.assign(window, { addPictures, framesSeen, hear, nextSignals, removePictures, startSide, view });
})();
