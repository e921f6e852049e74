// What is checked about the keys of a telephone (DTMF), against ortica-interop-peer. Functions given to `page.evaluate` run in the
// page and use page/keys.js.
import { Call } from './peer.mjs';

// How much longer than it was to be held a key may be told to be, in milliseconds: a browser ends it with a packet of its own.
const MOST_OFF = 80;

const expect = (holds, what) => { if (!holds) throw new Error(what); };

export const KEYS = {
  'keys of the page come with how long they were held': repeated(8_000, withCall(async ({ page, call, times }) => {
    await page.evaluate(() => addTone());
    await call.settled();
    await call.eventually('a connection', async () => (await call.report()).connectionState === 'connected');
    let wanted = [];
    let keys;
    for (let time = 0; time < times; time++) {
      for (const [tones, duration, gap] of [['159#', 100, 70], ['*0D', 240, 100], ['2', 1500, 70]]) {
        await page.evaluate((...keys) => playKeys(...keys), tones, duration, gap);
        wanted = wanted.concat([...tones].map((key) => ({ key, duration })));
        await call.eventually(() => `${wanted.length} keys: ${JSON.stringify(keys)}`, async () => {
          keys = (await call.report()).keys;
          return keys.length === wanted.length;
        });
      }
    }
    wanted.forEach(({ key, duration }, at) => {
      const came = keys[at];
      const off = came.milliseconds - duration;
      const isRight = came.key === key && off >= 0 && off <= MOST_OFF;
      expect(isRight, `${came.key} for ${came.milliseconds} ms where ${key} was held for ${duration} ms`);
    });
    const off = wanted.map(({ duration }, at) => keys[at].milliseconds - duration);
    await countsAgree(page, call, 'page');
    return { times, keys: keys.length, off_ms: [Math.min(...off), Math.max(...off)] };
  })),

  'keys of this side are heard in the page': repeated(20_000, async ({ browser, ...tools }) => {
    // Firefox takes events of 8,000 ticks alone, which do not go with Opus.
    if (browser === 'firefox') return { skipped: 'Firefox takes no keys beside Opus' };
    return heard([])(tools);
  }),

  'keys of this side are heard in the page beside PCMU': repeated(20_000, heard(['audio/PCMU'])),
};

/** Keys that the program plays beside a tone in one of these codecs, or in the one liked best. */
function heard(codecs) {
  return withCall(async ({ page, call, times }) => {
    call.command('add-tone', { codecs });
    await call.settled();
    await page.evaluate(() => hearsTone());
    const figures = [];
    for (let time = 0; time < times; time++) {
      for (const key of '5#') {
        call.command('insert-dtmf', { keys: key, duration: 3_000, gap: 70 });
        figures.push(await page.evaluate((key) => hearsKey(key), key));
        // Then the tone goes on.
        await page.evaluate(() => hearsTone());
      }
    }
    await countsAgree(page, call, 'peer');
    return { times, purity: Math.min(...figures) };
  });
}

/** Marks a check that does the same again and again, each time for so many milliseconds at most. */
function repeated(mostOfATime, check) {
  return Object.assign(check, { mostOfATime });
}

function withCall(check) {
  return async ({ page, calls }) => {
    const call = await Call.start(page, calls.program, 'peer');
    try {
      return await check({ page, call, times: calls.times });
    } finally {
      call.stop();
    }
  };
}

/** Ceases to send, and waits until the receiver has counted what the sender counted: packets of keys are among them. */
async function countsAgree(page, call, sender) {
  await page.evaluate(() => sendNothing());
  call.command('silence');
  const of = (stats, wanted) => stats.find(({ type }) => type === wanted);
  let counts;
  await call.eventually(() => `the same counts: ${JSON.stringify(counts)}`, async () => {
    const [there, here] = [await page.evaluate(() => allStats()), await call.stats()];
    const [from, to] = sender === 'page' ? [there, here] : [here, there];
    const [sent, received] = [of(from, 'outbound-rtp'), of(to, 'inbound-rtp')];
    counts = {
      sent: [sent?.packetsSent, sent?.bytesSent, 0],
      received: [received?.packetsReceived, received?.bytesReceived, received?.packetsLost],
    };
    return sent?.packetsSent > 0 && String(counts.sent) === String(counts.received);
  });
}
