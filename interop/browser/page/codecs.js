'use strict';
// Calls in a codec of choice: for the page, beside the other files here.
(() => {

const kindOf = (mimeType) => mimeType.split('/')[0];

/** What this browser has of a codec whose parameters say so. */
const codecsOf = (mimeType, parameters = '') => RTCRtpSender.getCapabilities(kindOf(mimeType)).codecs
  .filter((codec) => codec.mimeType === mimeType && (codec.sdpFmtpLine ?? '').includes(parameters));

/** Has a call's sound or pictures go in that codec alone, and makes sure that they do, both ways. */
async function negotiateIn(call, mimeType, parameters) {
  const [transceiver] = call.pc.getTransceivers();
  transceiver.setCodecPreferences(codecsOf(mimeType, parameters));
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
  if (!codecsOf(mimeType, parameters).length) return { skipped: `no ${mimeType} with ${parameters} in this browser` };
  const call = newCall();
  await send(call.pc, 'video');
  await negotiateIn(call, mimeType, parameters);
  return seePictures(call);
}

/** Sound there and back in one codec; skipped where the browser has none. */
async function hearIn(mimeType) {
  if (!codecsOf(mimeType).length) return { skipped: `no ${mimeType} in this browser` };
  const call = newCall();
  await send(call.pc, 'audio');
  await negotiateIn(call, mimeType);
  return hearTone(call);
}

Object.assign(window, { codecsOf, negotiateIn, seeIn, hearIn });
})();
