// What is checked about codecs: each in turn alone, there and back.

const SOUND = ['opus', 'G722', 'PCMU', 'PCMA'];
/** Forms of H.264, by what their parameters have to say. */
const FORMS = { 'mode 1': 'packetization-mode=1', 'mode 0': 'packetization-mode=0' };

/** For a path that loses packets. */
export const LOSSY = {
  ...Object.fromEntries(SOUND.map((name) => [
    `sound comes back in ${name} though packets are lost`,
    ({ page }) => page.evaluate((mimeType) => hearThroughLoss(mimeType), `audio/${name}`),
  ])),

  ...Object.fromEntries([['VP8', ''], ['VP9', ''], ['AV1', ''], ...Object.values(FORMS).map((form) => ['H264', form])].map(([name, parameters]) => [
    `pictures come back in ${[name, parameters].filter(Boolean).join(', ')} though packets are lost`,
    ({ page }) => page.evaluate((...codec) => seeThroughLoss(...codec), `video/${name}`, parameters),
  ])),
};

export const CODECS = {
  ...Object.fromEntries(SOUND.map((name) => [
    `sound comes back in ${name}`,
    ({ page }) => page.evaluate((mimeType) => hearIn(mimeType), `audio/${name}`),
  ])),

  'sound comes back in red'({ page }) {
    return page.evaluate(() => hearInRed());
  },

  ...Object.fromEntries(Object.entries(FORMS).map(([form, parameters]) => [
    `pictures come back in H.264, ${form}`,
    ({ page }) => page.evaluate((parameters) => seeIn('video/H264', parameters), parameters),
  ])),

  ...Object.fromEntries(['VP9', 'AV1'].map((name) => [
    `pictures come back in ${name}`,
    ({ page }) => page.evaluate((mimeType) => seeIn(mimeType, ''), `video/${name}`),
  ])),

  'the codec changes in mid-call: VP8, H.264 and back'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      await send(call.pc, 'video');
      if (!await prefer(call, 'video/H264', 'packetization-mode=1')) return { skipped: 'this browser offers no H.264' };
      const figures = {};
      for (const [name, ...form] of [['VP8', ''], ['H264', 'packetization-mode=1'], ['VP8', '']]) {
        await negotiateIn(call, `video/${name}`, ...form);
        Object.assign(figures, await seePictures(call));
      }
      return figures;
    });
  },
};
