'use strict';
// Calls in a codec of choice: for the page, beside the other files here.
(() => {

const kindOf = (mimeType) => mimeType.split('/')[0];

/** What this browser has of a codec whose parameters say so. */
const codecsOf = (mimeType, parameters = '') => RTCRtpSender.getCapabilities(kindOf(mimeType)).codecs
  .filter((codec) => codec.mimeType === mimeType && (codec.sdpFmtpLine ?? '').includes(parameters));

/** Prefers that codec alone for a call's sound or pictures. Firefox names H.264 among its capabilities, and offers it with a plugin alone. */
async function prefer(call, mimeType, parameters) {
  const [transceiver] = call.pc.getTransceivers();
  const codecs = codecsOf(mimeType, parameters);
  if (!codecs.length) return false;
  transceiver.setCodecPreferences(codecs);
  const { sdp } = await call.pc.createOffer();
  return sdp.includes(` ${mimeType.split('/')[1]}/`);
}

/** Has a call's sound or pictures go in that codec alone, and makes sure that they do, both ways. */
async function negotiateIn(call, mimeType, parameters) {
  if (!await prefer(call, mimeType, parameters)) throw new Error(`${mimeType} is not offered`);
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

Object.assign(window, { negotiateIn, prefer, seeIn, hearIn });
})();
