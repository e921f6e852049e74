// What is checked about sound and pictures: what comes back is listened to and looked at. Functions given to `page.evaluate`
// run in the page and use the files in page/; what they measured is printed with the result.

export const MEDIA = {
  'the ears refuse what is not the tone'({ page }) {
    return page.evaluate(() => {
      const samples = (at) => Float32Array.from({ length: RATE }, (_, index) => at(index));
      const sine = (hertz, level) => samples((at) => level * Math.sin(2 * Math.PI * hertz * at / RATE));
      const noise = samples((at) => LEVEL * (2 * (at * 7919 % 997) / 997 - 1));
      isTheTone(sine(HERTZ, LEVEL));
      return refusals({
        nothing: () => isTheTone(new Float32Array(0)),
        silence: () => isTheTone(sine(HERTZ, 0)),
        'a higher tone': () => isTheTone(sine(1.03 * HERTZ, LEVEL)),
        'an octave': () => isTheTone(sine(2 * HERTZ, LEVEL)),
        'a louder tone': () => isTheTone(sine(HERTZ, 1.4 * LEVEL)),
        'a softer tone': () => isTheTone(sine(HERTZ, 0.7 * LEVEL)),
        noise: () => isTheTone(noise),
        'a tone in noise': () => isTheTone(sine(HERTZ, LEVEL).map((sample, at) => sample + noise[at])),
      });
    });
  },

  'the eyes refuse another picture'({ page }) {
    return page.evaluate(() => {
      // The picture of one number under the strip of another.
      const strip = 4 * WIDTH * STRIP;
      const mixed = Uint8ClampedArray.from([...picture(STILL).slice(0, strip), ...picture(STILL + 2).slice(strip)]);
      looksLike.none([{ pixels: picture(STILL) }]);
      return refusals({
        black: () => looksLike.none([{ pixels: new Uint8ClampedArray(4 * WIDTH * HEIGHT) }]),
        'the picture of another number': () => looksLike.none([{ pixels: mixed }]),
      });
    });
  },

  'sound, pictures and data come back'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      await send(call.pc, 'audio');
      await send(call.pc, 'video');
      const channel = call.pc.createDataChannel('chat');
      await negotiate(call);
      const [figures] = await Promise.all([hearAndSee(call), whenOpen(channel, call.pc).then((open) => pings(open))]);
      return figures;
    });
  },

  ...Object.fromEntries(['none', 'edges', 'cartoon', 'rotate'].map((transform) => [
    `pictures come back by the transform ${transform}, and by no other`,
    ({ page }) => page.evaluate(async (transform) => {
      const came = await transformed(transform);
      const figures = looksLike[transform](came);
      const others = Object.entries(looksLike).filter(([name]) => name !== transform);
      return { ...figures, ...refusals(Object.fromEntries(others.map(([name, looks]) => [name, () => looks(came)]))) };
    }, transform),
  ])),

  'pictures are added to a call of sound'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      await send(call.pc, 'audio');
      await negotiate(call);
      await hearTone(call);
      await send(call.pc, 'video');
      await negotiate(call);
      return hearAndSee(call);
    });
  },

  'the server offers sound, pictures and data'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      const arrived = new Promise((resolve) => { call.pc.ondatachannel = ({ channel }) => resolve(channel); });
      await takeOffer(call, 'audio,video,data', async () => {
        await send(call.pc, 'audio');
        await send(call.pc, 'video');
      });
      const figures = await hearAndSee(call);
      await pings(await within(20, () => states(call.pc), arrived));
      return figures;
    });
  },

  'sections that are not bundled: the page offers'({ page }) {
    return page.evaluate(async () => {
      const call = newCall({ bundlePolicy: 'max-compat' });
      await send(call.pc, 'audio');
      await send(call.pc, 'video');
      const channel = call.pc.createDataChannel('chat');
      await negotiate(call, { unbundled: true });
      equal(transports(call.pc).size, 3, 'transports');
      const [figures] = await Promise.all([hearAndSee(call), whenOpen(channel, call.pc).then((open) => pings(open))]);
      return figures;
    });
  },

  'sections that are not bundled: the server offers'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      const arrived = new Promise((resolve) => { call.pc.ondatachannel = ({ channel }) => resolve(channel); });
      await takeOffer(call, 'audio,video,data', async () => {
        await send(call.pc, 'audio');
        await send(call.pc, 'video');
      }, { unbundled: true });
      const figures = await hearAndSee(call);
      await pings(await within(20, () => states(call.pc), arrived));
      equal(transports(call.pc).size, 3, 'transports');
      return figures;
    });
  },

  'the server adds pictures to a call of sound that it offered'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      await takeOffer(call, 'audio', () => send(call.pc, 'audio'));
      await hearTone(call);
      await takeOffer(call, 'video', () => send(call.pc, 'video'));
      return hearAndSee(call);
    });
  },

  'a call is held and goes on'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      await send(call.pc, 'audio');
      await send(call.pc, 'video');
      await negotiate(call);
      await hearAndSee(call);
      await turn(call, 'inactive');
      await quiet(call.pc);
      await turn(call, 'sendrecv');
      return hearAndSee(call);
    });
  },
};
