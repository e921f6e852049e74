'use strict';
// Calls in a codec of choice: for the page, beside the other files here.
(() => {

const kindOf = (mimeType) => mimeType.split('/')[0];

/** What this browser has of a codec whose parameters say so. */
const codecsOf = (mimeType, parameters = '') => RTCRtpSender.getCapabilities(kindOf(mimeType)).codecs
  .filter((codec) => codec.mimeType === mimeType && (codec.sdpFmtpLine ?? '').includes(parameters));

/** What gives lost packets of pictures again (RFC 4588). */
const retransmission = () => codecsOf('video/rtx');

/**
 * Prefers that codec alone for a call's sound or pictures, with the codecs `beside` it. Firefox names H.264 among its capabilities, and offers it with
 * a plugin alone.
 */
async function prefer(call, mimeType, parameters, beside = []) {
  const [transceiver] = call.pc.getTransceivers();
  const codecs = codecsOf(mimeType, parameters);
  if (!codecs.length) return false;
  transceiver.setCodecPreferences([...codecs, ...beside]);
  const { sdp } = await call.pc.createOffer();
  return sdp.includes(` ${mimeType.split('/')[1]}/`);
}

/** Has a call's sound or pictures go in that codec alone, and makes sure that they do, both ways. */
async function negotiateIn(call, mimeType, parameters, beside) {
  if (!await prefer(call, mimeType, parameters, beside)) throw new Error(`${mimeType} is not offered`);
  await negotiate(call);
  const inUse = async () => {
    const stats = await call.pc.getStats();
    return [...stats.values()]
      .filter(({ type, kind, codecId }) => ['inbound-rtp', 'outbound-rtp'].includes(type) && kind === kindOf(mimeType) && codecId)
      .map(({ codecId }) => stats.get(codecId)?.mimeType);
  };
  for (let tries = 0; tries < 100; tries++) {
    const types = await inUse();
    if (types.length === 2 && types.every((type) => type === mimeType)) return;
    await pause(100);
  }
  throw new Error(`${mimeType} is not used: ${await inUse()}`);
}

/** Pictures there and back in one codec; skipped where the browser has none. */
async function seeIn(mimeType, parameters) {
  const call = newCall();
  await send(call.pc, 'video');
  if (!await prefer(call, mimeType, parameters)) return { skipped: `this browser offers no ${mimeType} with ${parameters}` };
  await negotiateIn(call, mimeType, parameters);
  return seePictures(call);
}

/** Sound there and back in one codec; skipped where the browser has none. */
async function hearIn(mimeType) {
  const call = newCall();
  await send(call.pc, 'audio');
  if (!await prefer(call, mimeType)) return { skipped: `no ${mimeType} in this browser` };
  await negotiateIn(call, mimeType);
  return hearTone(call);
}

/** Sound there and back in packets that carry those before them (RFC 2198); what is inside is Opus. */
async function hearInRed() {
  const call = newCall();
  await send(call.pc, 'audio');
  if (!await prefer(call, 'audio/red', '', codecsOf('audio/opus'))) return { skipped: 'no audio/red in this browser' };
  await negotiate(call);
  const { sdp } = call.pc.currentRemoteDescription;
  const [number] = /^m=audio \d+ \S+ (\d+)/m.exec(sdp).slice(1);
  if (!sdp.includes(`a=rtpmap:${number} red/`)) throw new Error(`red is not first in the answer: ${sdp}`);
  // Of copies there is nothing to be read: Chromium 148 reports none in a call that loses nothing.
  return hearTone(call);
}

/** Pictures there and back in one codec over a path that loses packets: what is lost is sent again. */
async function seeThroughLoss(mimeType, parameters) {
  const call = newCall();
  await send(call.pc, 'video');
  if (!await prefer(call, mimeType, parameters)) return { skipped: `this browser offers no ${mimeType} with ${parameters}` };
  await negotiateIn(call, mimeType, parameters, retransmission());
  const figures = await seePictures(call);
  const counts = await eventually(call, 'packets that were lost and came again', ({ outbound, inbound }) => ({
    // Firefox counts what it sends again, and not what comes again.
    sent_again: outbound.retransmittedPacketsSent ?? 0,
    nacks: inbound.nackCount ?? 0,
  }));
  return { ...figures, ...counts };
}

/** Sound there and back in one codec over a path that loses packets: what is lost is concealed. */
async function hearThroughLoss(mimeType) {
  const call = newCall();
  await send(call.pc, 'audio');
  if (!await prefer(call, mimeType)) return { skipped: `no ${mimeType} in this browser` };
  await negotiateIn(call, mimeType);
  const figures = await hearTone(call);
  const counts = await eventually(call, 'packets that were lost', ({ inbound }) => ({ lost: inbound.packetsLost ?? 0 }));
  return { ...figures, ...counts };
}

/** Waits until none of what is counted of a call's streams is zero, and gives the counts. */
async function eventually(call, what, count) {
  let counts;
  for (let tries = 0; tries < 100; tries++) {
    const stats = [...(await call.pc.getStats()).values()];
    const of = (wanted) => stats.find(({ type }) => type === wanted) ?? {};
    counts = count({ outbound: of('outbound-rtp'), inbound: of('inbound-rtp') });
    if (Object.values(counts).every((number) => number > 0)) return counts;
    await pause(200);
  }
  throw new Error(`no ${what}: ${JSON.stringify(counts)}`);
}

Object.assign(window, { hearThroughLoss, seeThroughLoss, negotiateIn, prefer, seeIn, hearIn, hearInRed });
})();
