// What is checked about layers side by side (simulcast), against ortica-interop-peer. Functions given to `page.evaluate` run in
// the page and use page/layers.js.
import { Call } from './peer.mjs';
import { acrossSections } from './rid-as-mid.mjs';

const RIDS = ['q', 'h', 'f'];
// What comes of the best layer may stand still for this long at most while layers come and go: the time after which a silent
// one is not waited for, and a key frame.
const MOST_STANDSTILL = 3_000;
// Pictures of a layer that have to come before it counts as flowing.
const ENOUGH = 10;

const expect = (holds, what) => { if (!holds) throw new Error(what); };
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export const LAYERS = {
  'layers of the page arrive each by itself': withCall(async ({ page, call }) => {
    const layers = await sendLayers(page, call);
    await flow(call, layers);
    const { seen } = await call.report();
    // What the track gives out is the best of them.
    const best = layers.at(-1);
    const track = seen.find(({ rid }) => rid === null);
    expect(track.width === best.width && track.height === best.height, `the track shows ${JSON.stringify(track)}`);
    for (const { rid, pictures, unreadable, backwards } of seen.filter(({ rid }) => rid !== null)) {
      expect(unreadable * 10 <= pictures && backwards === 0, `pictures of ${rid}: ${JSON.stringify(seen)}`);
    }
    return { pictures: Object.fromEntries(seen.map(({ rid, pictures, width, height }) => [rid ?? 'track', `${pictures} of ${width} x ${height}`])) };
  }),

  'layers of the page stop and come back': repeated(20_000, withCall(async ({ page, call, times }) => {
    const layers = await sendLayers(page, call);
    await flow(call, layers);
    const watched = longestStandstill(call);
    for (let time = 0; time < times; time++) {
      for (const kept of [['q', 'h'], ['q'], ['h'], ['f'], ['q', 'f']]) {
        await page.evaluate((kept) => sendOnly(kept), kept);
        const stopped = RIDS.filter((rid) => !kept.includes(rid));
        await still(call, stopped);
        await flow(call, layers.filter(({ rid }) => kept.includes(rid)));
        await page.evaluate((all) => sendOnly(all), RIDS);
        await flow(call, layers);
      }
    }
    const standstill = await watched.end();
    expect(standstill < MOST_STANDSTILL, `the track stood still for ${standstill} ms`);
    return { times, standstill_ms: standstill };
  })),

  'layers of the page give way to a limited bitrate and come back': repeated(30_000, async ({ page, browser, calls }) => {
    if (browser === 'firefox') return { skipped: 'Firefox limits each layer by itself, and stops none' };
    let kilobits;
    const rewrite = (way, message) => {
      const isLimited = way === 'toPage' && message.type === 'answer' && kilobits;
      return isLimited ? { ...message, sdp: limited(message.sdp, kilobits) } : message;
    };
    return withCall(async ({ call, times }) => {
      const layers = await sendLayers(page, call);
      await flow(call, layers);
      const watched = longestStandstill(call);
      for (let time = 0; time < times; time++) {
        kilobits = 150;
        await negotiateAgain(page, call);
        await still(call, ['f']);
        await flow(call, layers.slice(0, 1));
        kilobits = undefined;
        await negotiateAgain(page, call);
        await flow(call, layers);
      }
      const standstill = await watched.end();
      expect(standstill < MOST_STANDSTILL, `the track stood still for ${standstill} ms`);
      return { times, standstill_ms: standstill };
    }, { rewrite })({ page, calls });
  }),

  'layers of the page that are off stay so when something is negotiated': withCall(async ({ page, call }) => {
    const layers = await sendLayers(page, call);
    await flow(call, layers);
    await page.evaluate(() => sendOnly(['q']));
    await still(call, ['h', 'f']);
    const before = await counts(call);
    await negotiateAgain(page, call);
    await flow(call, layers.slice(0, 1));
    const after = await counts(call);
    expect(['h', 'f'].every((rid) => after[rid].pictures === before[rid].pictures), `they flow: ${JSON.stringify(after)}`);
    await page.evaluate((all) => sendOnly(all), RIDS);
    await flow(call, layers);
  }),

  'a call with layers is held and goes on': repeated(5_000, withCall(async ({ page, browser, call, times }) => {
    if (browser === 'firefox') return { skipped: 'Firefox offers a held section without its layers, and has one from then on' };
    const layers = await sendLayers(page, call);
    await flow(call, layers);
    for (let time = 0; time < times; time++) {
      await page.evaluate(() => turnLayers('inactive'));
      await call.settled();
      await still(call, RIDS);
      await page.evaluate(() => turnLayers('sendonly'));
      await call.settled();
      await flow(call, layers);
    }
    return { times };
  })),

  'layers are offered to the page, which takes one': withCall(async ({ page, call }) => {
    call.command('add-layers', { rids: RIDS });
    await call.settled();
    const { offer, answer } = await page.evaluate(() => ({
      offer: window.side.pc.currentRemoteDescription.sdp, answer: window.side.pc.currentLocalDescription.sdp,
    }));
    expect(offer.includes('a=simulcast:send q;h;f\r\n'), `the offer: ${offer}`);
    expect(!answer.includes('a=simulcast'), `the page takes layers: ${answer}`);
    await shown(page, call, [{ width: 160, height: 120 }]);
    const sent = (await call.stats()).filter(({ type }) => type === 'outbound-rtp');
    expect(sent.length === 1, `streams are sent that nobody takes: ${JSON.stringify(sent)}`);
  }),

  'layers arrive at the page, each in a section of its own': async ({ page, calls }) => withCall(async ({ call }) => {
    call.command('add-layers', { rids: RIDS });
    const layers = [[160, 120], [320, 240], [640, 480]].map(([width, height]) => ({ width, height }));
    const figures = await shown(page, call, layers);
    const mids = figures.map(({ mid }) => mid);
    expect(String(mids) === String(RIDS), `layers in sections ${mids}`);
    // Key frames are asked for layer by layer, and everything goes on.
    await shown(page, call, layers);
    const sent = (await call.stats()).filter(({ type }) => type === 'outbound-rtp');
    expect(sent.length === RIDS.length, `streams: ${JSON.stringify(sent)}`);
    return { key_frames_asked_for: sent.map(({ pliCount, firCount }) => pliCount + firCount) };
  }, { rewrite: acrossSections(RIDS) })({ page, calls }),
};

/** Marks a check that does the same again and again, each time for so many milliseconds at most. */
function repeated(mostOfATime, check) {
  return Object.assign(check, { mostOfATime });
}

function withCall(check, options) {
  return async ({ page, browser, calls }) => {
    const call = await Call.start(page, calls.program, 'peer', options);
    try {
      return await check({ page, browser, call, times: calls.times });
    } finally {
      call.stop();
    }
  };
}

/** Has the page send three layers, and the peer look at them; the size of each. */
async function sendLayers(page, call) {
  const layers = await page.evaluate((rids) => addLayers(rids), RIDS);
  await call.settled();
  call.command('watch');
  return layers;
}

async function negotiateAgain(page, call) {
  await page.evaluate(() => window.side.describe());
  await call.settled();
}

/** The pictures of each layer so far. */
async function counts(call) {
  const { seen } = await call.report();
  return Object.fromEntries(seen.filter(({ rid }) => rid !== null).map((it) => [it.rid, it]));
}

/** Waits until pictures of each of these layers come, of the right size. */
async function flow(call, layers) {
  const before = await counts(call);
  let now;
  const flows = ({ rid, width, height }) => {
    const it = now[rid];
    return it?.pictures >= (before[rid]?.pictures ?? 0) + ENOUGH && it.width === width && it.height === height;
  };
  const what = () => `${layers.map(({ rid, width, height }) => `${rid} of ${width} x ${height}`)} flow: ${JSON.stringify(now)}`;
  await call.eventually(what, async () => {
    now = await counts(call);
    return layers.every(flows);
  });
}

/** Waits until no picture of these layers comes for half a second. */
async function still(call, rids) {
  const total = async () => {
    const now = await counts(call);
    return rids.reduce((sum, rid) => sum + (now[rid]?.pictures ?? 0), 0);
  };
  await call.eventually(`${rids} still`, async () => {
    const before = await total();
    await pause(500);
    return await total() === before;
  });
}

/** Looks at the track as it is given out, until `end`, which gives the longest time in milliseconds without a picture. */
function longestStandstill(call) {
  let over = false;
  const look = async () => {
    let [last, at, longest] = [undefined, performance.now(), 0];
    while (!over) {
      const { seen } = await call.report();
      const [now, pictures] = [performance.now(), seen.find(({ rid }) => rid === null)?.pictures];
      longest = Math.max(longest, now - at);
      if (pictures !== last) [last, at] = [pictures, now];
      await pause(20);
    }
    return Math.round(longest);
  };
  const looked = look();
  looked.catch(() => {});
  return {
    end() {
      over = true;
      return looked;
    },
  };
}

/** Waits until the page shows pictures of these sizes, each in a section of its own; what it shows. */
async function shown(page, call, sizes) {
  const before = await page.evaluate(() => picturesSeen());
  let now;
  await call.eventually(() => `${JSON.stringify(sizes)} shown: ${JSON.stringify(now)}`, async () => {
    now = await page.evaluate(() => picturesSeen());
    const fresh = ({ mid, pictures }) => pictures >= (before.find((it) => it.mid === mid)?.pictures ?? 0) + ENOUGH;
    const shows = ({ width, height }) => now.some((it) => it.width === width && it.height === height && fresh(it));
    return now.length === sizes.length && sizes.every(shows);
  });
  return now.toSorted((one, other) => one.width - other.width);
}

/** The same with a limit to what pictures may take. */
function limited(sdp, kilobits) {
  return sdp.replace(/^(m=video .*\r\n(?:i=.*\r\n)?(?:c=.*\r\n)?)/gm, `$1b=AS:${kilobits}\r\nb=TIAS:${kilobits * 1000}\r\n`);
}
