// What is checked about statistics, against ortica-interop-peer: what one side sends is what the other receives. Functions given to
// `page.evaluate` run in the page and use page/stats.js.
import { Call } from './peer.mjs';

const expect = (holds, what) => { if (!holds) throw new Error(what); };
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Media and messages flow for so long each time.
const FLOWS = 2_000;

export const STATS = {
  'both sides count the same packets and bytes': repeated(FLOWS + 1_000, async ({ page, browser, calls }) => {
    const call = await Call.start(page, calls.program, 'peer');
    try {
      // Firefox takes no keys beside Opus.
      await flow(page, call, calls.times, browser === 'firefox' ? '' : '5#');
      return { times: calls.times, ...await agreed(page, call) };
    } finally {
      call.stop();
    }
  }),
};

/** Marks a check that does the same again and again, each time for so many milliseconds at most. */
function repeated(mostOfATime, check) {
  return Object.assign(check, { mostOfATime });
}

/** Sound, pictures, keys and messages flow both ways, so many times. Then nothing is sent any more, but reports. */
async function flow(page, call, times, keys) {
  await page.evaluate(() => sendAll());
  await call.settled();
  call.command('add-tone');
  call.command('add-track');
  await call.settled();
  for (let time = 0; time < times; time++) {
    await page.evaluate(() => exchange());
    if (keys) call.command('insert-dtmf', { keys, duration: 100, gap: 70 });
    await page.evaluate(() => playKeys('7*', 100, 70));
    await pause(FLOWS);
  }
  await page.evaluate(() => sendNothing());
  call.command('silence');
}

/** Waits until what one side says that it sent is what the other says that it received, whichever way. */
async function agreed(page, call) {
  let differences;
  let figures;
  await call.eventually(() => `the same counts: ${JSON.stringify(differences)}`, async () => {
    const before = await page.evaluate(() => allStats());
    const here = await call.stats();
    const there = await page.evaluate(() => allStats());
    figures = { page: totals(there), peer: totals(here) };
    differences = [
      ...streams('the page sends', there, here), ...streams('this side sends', here, there),
      ...channels('the page sends', there, here), ...channels('this side sends', here, there),
      ...paths('the page sends', [before, there], there, here), ...paths('this side sends', [before, there], here, there),
    ];
    return differences.length === 0;
  });
  for (const [side, { streams: count, packets }] of Object.entries(figures)) {
    expect(count === 2 && packets > 100, `${side} has sent ${packets} packets in ${count} streams`);
  }
  return figures;
}

const ofType = (stats, wanted) => stats.filter(({ type }) => type === wanted);

function totals(stats) {
  const sent = ofType(stats, 'outbound-rtp');
  const sum = (member) => sent.reduce((all, it) => all + it[member], 0);
  return { streams: sent.length, packets: sum('packetsSent'), bytes: sum('bytesSent') };
}

/** What differs about streams: packets, bytes of payload and of headers, pictures. */
function streams(way, from, to) {
  return ofType(from, 'outbound-rtp').flatMap((sent) => {
    const received = ofType(to, 'inbound-rtp').find(({ ssrc }) => ssrc === sent.ssrc);
    const what = `${way}: ${sent.kind}`;
    if (!received) return [`${what} ${sent.ssrc} does not come`];
    return different(what, {
      packets: [sent.packetsSent, received.packetsReceived + received.packetsLost],
      lost: [0, received.packetsLost],
      bytes: [sent.bytesSent, received.bytesReceived],
      headers: [sent.headerBytesSent, received.headerBytesReceived],
      pictures: [sent.framesSent, received.framesReceived],
    });
  });
}

/** What differs about data channels. */
function channels(way, from, to) {
  return ofType(from, 'data-channel').flatMap((sent) => {
    const is = ({ dataChannelIdentifier }) => dataChannelIdentifier === sent.dataChannelIdentifier;
    const received = ofType(to, 'data-channel').find(is);
    return different(`${way}: channel ${sent.label}`, {
      messages: [sent.messagesSent, received?.messagesReceived],
      bytes: [sent.bytesSent, received?.bytesReceived],
    });
  });
}

/** What differs about the path. Reports go on, so the page is asked twice, and nothing may have happened in between. */
function paths(way, [before, after], from, to) {
  const [was, is] = [pathOf(before), pathOf(after)];
  if (was.bytesSent !== is.bytesSent || was.bytesReceived !== is.bytesReceived) return [`${way}: reports go on`];
  const [sent, received] = [pathOf(from), pathOf(to)];
  return different(`${way}: path`, {
    datagrams: [sent.packetsSent, received.packetsReceived],
    bytes: [sent.bytesSent, received.bytesReceived],
  });
}

/** What all pairs of candidates carried, since the one in use may have changed at first. Firefox counts no packets. */
function pathOf(stats) {
  const pairs = ofType(stats, 'candidate-pair');
  const sum = (member) => pairs.reduce((all, pair) => (member in pair ? (all ?? 0) + pair[member] : all), undefined);
  return Object.fromEntries(['packetsSent', 'packetsReceived', 'bytesSent', 'bytesReceived'].map((member) => [member, sum(member)]));
}

/** Pairs that differ. A browser may not count something at all; packets and bytes it has to. */
function different(what, pairs) {
  const isMissing = (member, ...pair) => ['packets', 'messages', 'bytes'].includes(member) && pair.includes(undefined);
  const differs = (one, other) => one !== undefined && other !== undefined && one !== other;
  return Object.entries(pairs).filter(([member, [one, other]]) => differs(one, other) || isMissing(member, one, other))
    .map(([member, [one, other]]) => `${what}: ${one} ${member} sent, ${other} received`);
}
