// What is checked about codecs: each in turn alone, there and back.

/** Forms of H.264, by what their parameters have to say. */
const FORMS = { 'mode 1': 'packetization-mode=1', 'mode 0': 'packetization-mode=0' };

export const CODECS = {
  ...Object.fromEntries(['opus', 'G722', 'PCMU', 'PCMA'].map((name) => [
    `sound comes back in ${name}`,
    ({ page }) => page.evaluate((mimeType) => hearIn(mimeType), `audio/${name}`),
  ])),

  ...Object.fromEntries(Object.entries(FORMS).map(([form, parameters]) => [
    `pictures come back in H.264, ${form}`,
    ({ page }) => page.evaluate((parameters) => seeIn('video/H264', parameters), parameters),
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
