// What is checked about how a way is found, mostly against ortica-interop-peer. Functions given to `page.evaluate` run in the page.
import os from 'node:os';
import { Call } from './peer.mjs';

// Calls of one page at the same time.
const MANY = 20;

const expect = (holds, what) => { if (!holds) throw new Error(what); };

/** In a browser that shows its addresses. */
export const ICE = {
  'TCP alone: the page offers': (tools) => overTcp(tools, 'page'),
  'TCP alone: the peer offers': (tools) => overTcp(tools, 'peer'),
  'IPv6 alone: the page offers': (tools) => overIpv6(tools, 'page'),
  'IPv6 alone: the peer offers': (tools) => overIpv6(tools, 'peer'),
  [`${MANY} calls at once on the same port`]: many,
};

/** In a browser that hides its addresses. */
export const HIDDEN_ICE = {
  'hidden addresses on both sides: the page offers': (tools) => hidden(tools, 'page'),
  'hidden addresses on both sides: the peer offers': (tools) => hidden(tools, 'peer'),
};

/** The page opens a connection, as browsers do; nobody knows of an address for datagrams. */
async function overTcp(tools, offerer) {
  const told = only(({ protocol }) => protocol === 'tcp');
  const { local, remote } = await connects(tools, offerer, { words: ['listen'], rewrite: told.rewrite });
  expect(told.all('toPage').some(({ line }) => line.includes('tcptype passive')), 'nothing takes connections');
  expect(local.protocol === 'tcp' && local.tcpType === 'passive' && remote.protocol === 'tcp', `over ${JSON.stringify({ local, remote })}`);
  return {};
}

async function overIpv6(tools, offerer) {
  // Browsers look at interfaces, and leave out what is good for a link alone.
  const isUsable = ({ family, internal, address }) => family === 'IPv6' && !internal && !address.startsWith('fe80:');
  if (!Object.values(os.networkInterfaces()).flat().some(isUsable)) return { skipped: 'no interface with an address of IPv6' };
  const told = only(({ address }) => address.includes(':'));
  const { local } = await connects(tools, offerer, { rewrite: told.rewrite });
  expect(local.address.includes(':'), `over ${local.address}`);
  return { address: local.address };
}

/** Each side has to find out by name where the other one is. */
async function hidden(tools, offerer) {
  const told = only(() => true);
  const { local, remote } = await connects(tools, offerer, { words: ['hidden'], rewrite: told.rewrite });
  for (const way of ['toPage', 'toPeer']) {
    const shown = told.all(way).filter(({ kind, protocol }) => kind === 'host' && protocol === 'udp');
    expect(shown.length > 0 && shown.every(({ address }) => address.endsWith('.local')), `${way}: ${JSON.stringify(shown)}`);
  }
  return { pair: `${local.candidateType} ${remote.candidateType}` };
}

/** Every call has the same port of the server, and none gets what belongs to another. */
async function many({ page, server }) {
  const before = (await server.get('/pcs')).body.count;
  const answers = await page.evaluate(async (count) => {
    const open = async () => {
      const call = newCall();
      const channel = call.pc.createDataChannel('echo');
      await negotiate(call);
      await whenOpen(channel, call.pc);
      return { call, channel };
    };
    const calls = await Promise.all(Array.from({ length: count }, open));
    window.manyCalls = calls;
    await Promise.all(calls.map(({ channel }, at) => echoes(channel, [`I am ${at}`, pattern(10_000 + at), `still ${at}`])));
    for (const { call } of calls) equal(call.pc.connectionState, 'connected', 'connection');
    return calls.map(({ call }) => call.answer);
  }, MANY);
  const during = (await server.get('/pcs')).body.count;
  expect(during - before >= MANY, `${during} calls where ${before} were before`);
  const places = answers.map((sdp) => candidates(sdp).filter(({ protocol }) => protocol === 'udp').map(({ place }) => place).sort().join());
  expect(places[0] !== '' && new Set(places).size === 1, `other ports: ${[...new Set(places)]}`);
  await page.evaluate(() => window.manyCalls.forEach(({ call }) => call.pc.close()));
  return { calls: MANY, places: places[0] };
}

/** A call with an echo; gives both ends of the pair that the peer uses. */
async function connects({ page, calls }, offerer, options) {
  const call = await Call.start(page, calls.program, 'peer', options);
  try {
    await call.open(offerer);
    await call.echoed(200_000);
    return await call.pair();
  } finally {
    await call.end();
  }
}

/** The candidates in lines of a description or in a line alone. */
function candidates(text) {
  const lines = text.match(/candidate:.*/g) ?? [];
  return lines.map((line) => {
    const [, , protocol, , address, port, , kind] = line.split(' ');
    return { line, protocol: protocol.toLowerCase(), address, kind, place: `${address} ${port}` };
  });
}

/** Keeps candidates from either side but for those that are wanted, and remembers the ones that it lets through. */
function only(isWanted) {
  const passed = [];
  const passes = (way, text) => candidates(text).every((candidate) => {
    const passes = isWanted(candidate);
    if (passes) passed.push({ way, ...candidate });
    return passes;
  });
  const rewrite = (way, message) => {
    if (message.type === 'candidate') return passes(way, message.candidate) ? message : undefined;
    if (!message.sdp) return message;
    const lines = message.sdp.split('\r\n').filter((line) => !line.startsWith('a=candidate:') || passes(way, line));
    return { ...message, sdp: lines.join('\r\n') };
  };
  return { rewrite, all: (way) => passed.filter((it) => it.way === way) };
}
