// Calls in which a side is reached by way of coturn alone. Functions given to `page.evaluate` use page/call.js.
import { Call } from './peer.mjs';

const expect = (holds, what) => { if (!holds) throw new Error(what); };

export const RELAYED = {
  'relayed addresses alone, over UDP': (check) => relayed(check, 'udp'),
  'relayed addresses alone, over TCP': (check) => relayed(check, 'tcp'),
  'relayed addresses alone on both sides, over UDP': (check) => relayedOnBothSides(check, 'udp'),
  'relayed addresses alone on both sides, over TCP': (check) => relayedOnBothSides(check, 'tcp'),
};

async function relayed({ page, turn }, protocol) {
  if (turn.lack) return { skipped: turn.lack };
  const { offer, local } = await page.evaluate(async (server) => {
    const call = newCall({ iceServers: [server], iceTransportPolicy: 'relay' });
    const channel = call.pc.createDataChannel('echo');
    await negotiate(call);
    await echoes(await whenOpen(channel, call.pc), ['hello', pattern(200_000), 'the end']);
    return { offer: call.offer, local: await carrier(call.pc) };
  }, turn.servers[protocol]);
  const candidates = offer.match(/^a=candidate:.*$/gm) ?? [];
  expect(candidates.length > 0 && candidates.every((it) => it.includes('typ relay')), `not relayed: ${candidates}`);
  // The browser may learn in a check how it is seen, which is from the relay as well.
  expect(local.relayProtocol === protocol, `over ${local.relayProtocol}: ${JSON.stringify(local)}`);
  return {};
}

/** Neither side shows anything but what the server lends it. */
async function relayedOnBothSides({ page, turn, calls }, protocol) {
  if (turn.lack) return { skipped: turn.lack };
  const server = turn.servers[protocol];
  const shown = [];
  const rewrite = (way, message) => {
    shown.push(...((message.sdp ?? message.candidate ?? '').match(/candidate:.*/g) ?? []).map((line) => ({ way, line })));
    return message;
  };
  const options = {
    words: [`relay=${server.username}:${server.credential}@${server.urls}`],
    configuration: { iceServers: [server], iceTransportPolicy: 'relay' },
    rewrite,
  };
  const call = await Call.start(page, calls.program, 'peer', options);
  try {
    await call.open('page');
    await call.echoed(200_001);
    const theirs = await page.evaluate(() => carrier(window.side.pc));
    const { local: ours } = await call.pair();
    for (const [who, local] of Object.entries({ theirs, ours })) {
      expect(local.relayProtocol === protocol, `${who}: over ${local.relayProtocol}: ${JSON.stringify(local)}`);
    }
  } finally {
    await call.end();
  }
  for (const way of ['toPage', 'toPeer']) {
    const lines = shown.filter((it) => it.way === way).map(({ line }) => line);
    expect(lines.length > 0 && lines.every((line) => line.includes('typ relay')), `${way}: ${lines}`);
  }
  return {};
}
