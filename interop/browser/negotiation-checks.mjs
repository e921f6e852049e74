// What is checked about negotiation in mid-call, against ortica-interop-peer. Functions given to `page.evaluate` run in the page
// and use page/negotiation.js.
import { Call } from './peer.mjs';

// Pictures may stand still for this long at most while a call moves to other addresses or sections.
const MOST_STANDSTILL = 1_000;

const expect = (holds, what) => { if (!holds) throw new Error(what); };

export const NEGOTIATION = {
  'glare: the page gives way': glaring((tools) => glares(tools, 'page')),

  'glare: this side gives way': glaring((tools) => glares(tools, 'peer')),

  'tracks come and go on both sides': withCall('peer', async ({ page, call }) => {
    call.command('channel', { label: 'first' });
    const most = { page: 0, peer: 0 };
    for (let round = 0; round < 3; round++) {
      for (const count of [1, 2]) {
        await page.evaluate(() => addPictures());
        await call.settled();
        call.command('add-track');
        await call.settled();
        most.page = await moving(call, count, () => page.evaluate(() => framesSeen()));
        most.peer = await moving(call, count, async () => received(await call.report()));
      }
      for (let count = 2; count > 0; count--) {
        call.command('remove-track');
        await page.evaluate(() => removePictures());
        await call.settled();
      }
      const { peer } = await call.settled();
      expect(peer.transceivers.every(({ currentDirection }) => currentDirection === 'inactive'),
        `something flows though nothing is sent: ${JSON.stringify(peer)}`);
    }
    const { peer } = await call.settled();
    return { sections: peer.transceivers.length, offers: peer.offers };
  }),

  'a section is stopped and used again': withCall('peer', async ({ page, call }) => {
    await page.evaluate(() => addPictures());
    call.command('add-transceiver', { kind: 'audio' });
    const { peer: { transceivers } } = await call.settled();
    const { mid } = transceivers.find(({ kind }) => kind === 'audio');
    call.command('stop', { mid });
    await call.eventually(`section ${mid} gone on both sides`, async () => {
      const { page: there, peer: here } = await call.settled();
      return ![...there.transceivers, ...here.transceivers].some((it) => it.mid === mid);
    });
    call.command('add-transceiver', { kind: 'audio' });
    await call.settled();
    const kinds = await page.evaluate(() => sections(window.side.pc.currentRemoteDescription.sdp).map(([kind]) => kind));
    expect(kinds.length === 2, `a section of its own for what came later: ${kinds}`);
    await moving(call, 1, async () => received(await call.report()));
  }),

  'ICE starts anew while pictures flow': withCall('peer', async ({ page, call }) => {
    await page.evaluate(() => addPictures());
    call.command('add-track');
    await call.settled();
    const there = () => page.evaluate(() => framesSeen());
    const here = async () => received(await call.report());
    await moving(call, 1, there);
    await moving(call, 1, here);
    const figures = {};
    for (const side of ['page', 'peer']) {
      const before = await ufrags(page);
      const watched = Promise.all([standstill(there), standstill(here)]);
      // Who fails first is heard.
      watched.catch(() => {});
      if (side === 'page') await page.evaluate(() => window.side.pc.restartIce());
      else call.command('restart-ice');
      await call.eventually('fresh credentials on both sides', async () => {
        const now = await ufrags(page);
        return now.every((ufrag, at) => ufrag !== before[at]);
      });
      await call.settled();
      const stood = await watched;
      expect(Math.max(...stood) < MOST_STANDSTILL, `pictures stood still for ${stood} ms on page and peer`);
      figures[`${side} restarts`] = stood.map(Math.round);
      const state = await page.evaluate(() => window.side.pc.connectionState);
      expect(state === 'connected', `the page is ${state}`);
    }
    return { standstill_ms: figures };
  }),
};

/** Marks a check whose time depends on how often both sides offer at once. */
function glaring(check) {
  return Object.assign(check, { isGlaring: true });
}

function withCall(polite, check) {
  return async ({ page, calls }) => {
    const call = await Call.start(page, calls.program, polite);
    try {
      return await check({ page, call });
    } finally {
      call.stop();
    }
  };
}

/** Both sides add or remove pictures at the same moment, again and again. */
function glares({ page, calls: { program, glares: rounds } }, polite) {
  return withCall(polite, async ({ call }) => {
    for (let round = 0; round < rounds; round++) {
      const adds = round % 2 === 0;
      await call.glare(async () => {
        await page.evaluate((adds) => (adds ? addPictures() : removePictures()), adds);
        call.command(adds ? 'add-track' : 'remove-track');
      });
      const { page: there, peer: here } = await call.settled();
      const met = polite === 'page' ? here.ignored : here.yielded;
      expect(met === round + 1, `${met} of ${round + 1} offers met another`);
      expect(polite === 'page' || there.ignored === round + 1, `the page ignored ${there.ignored} of ${round + 1} offers`);
      if (adds) {
        await moving(call, 1, () => page.evaluate(() => framesSeen()));
        await moving(call, 1, async () => received(await call.report()));
      }
    }
    return { glares: rounds };
  })({ page, calls: { program } });
}

/** The pictures of each section that came to the peer. */
function received({ transceivers }) {
  return Object.fromEntries(transceivers.map(({ mid, framesReceived }) => [mid, framesReceived]));
}

/** Waits until pictures come in this many sections at the same time. */
async function moving(call, count, frames) {
  let came;
  await call.eventually(() => `pictures in ${count} sections: ${JSON.stringify(came)}`, async () => {
    const before = await frames();
    await new Promise((resolve) => setTimeout(resolve, 200));
    came = Object.entries(await frames()).filter(([mid, number]) => number > (before[mid] ?? 0));
    return came.length === count;
  });
}

/** The longest time in milliseconds for which no picture came, within two seconds. */
async function standstill(frames) {
  const total = async () => Object.values(await frames()).reduce((sum, number) => sum + number, 0);
  const start = performance.now();
  let [last, at, longest] = [await total(), start, 0];
  while (performance.now() - start < 2_000) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const [now, number] = [performance.now(), await total()];
    // A browser that answers with fewer codecs than it offered before begins to count anew.
    if (number !== last) [last, at] = [number, now];
    longest = Math.max(longest, now - at);
  }
  return longest;
}

function ufrags(page) {
  return page.evaluate(() => {
    const { currentLocalDescription, currentRemoteDescription } = window.side.pc;
    return [currentLocalDescription, currentRemoteDescription].map(({ sdp }) => sdp.match(/^a=ice-ufrag:(.*)\r$/m)[1]);
  });
}
