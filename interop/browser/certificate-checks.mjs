// What is checked about the keys of certificates, against ortica-interop-peer. Functions given to `page.evaluate` run in the page.
import { Call } from './peer.mjs';

const ALGORITHMS = {
  rsa: {
    name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: [1, 0, 1],
  },
  ecdsa: { name: 'ECDSA', namedCurve: 'P-256' },
};

// What the DER of a certificate has in it that tells the kind of its key: object identifiers, and the length of what they name.
const MARKS = {
  rsa: Buffer.from('06092a864886f70d0101010500', 'hex'),
  ecdsa: Buffer.from('06072a8648ce3d020106082a8648ce3d030107', 'hex'),
};
// The DER of a modulus of 2,048 bits: an integer of 257 bytes, the first of which is zero.
const MODULUS = Buffer.from('0282010100', 'hex');

// How long a handshake may take that nobody goes on with, in milliseconds.
const UNPROVEN = 40_000;

const expect = (holds, what) => { if (!holds) throw new Error(what); };

const kinds = Object.keys(ALGORITHMS);

export const CERTIFICATES = {
  ...Object.fromEntries(kinds.flatMap((ours) => kinds.flatMap((theirs) => ['page', 'peer'].map((offerer) => [
    `certificates: ${ours} here, ${theirs} there, the ${offerer} offers`,
    repeated(8_000, (tools) => connects(tools, { ours, theirs, offerer })),
  ])))),

  // What a hello says is not proven, so that neither side ends the handshake before its time: once is enough for every day.
  'certificates: ed25519 here': repeated(UNPROVEN, async (tools) => {
    const offerers = ['page', 'peer'].slice(0, tools.calls.times);
    const ends = {};
    for (const offerer of offerers) ends[offerer] = await refusesOrTakes(tools, offerer);
    return { 'connection, by who offers': ends };
  }),

  'certificates: the page makes none of ed25519': ({ page }) => page.evaluate(async () => {
    const reason = await RTCPeerConnection.generateCertificate({ name: 'Ed25519' }).then(() => undefined, (error) => error.name);
    if (reason === undefined) throw new Error('it does now: check calls with it');
    return { refused: reason };
  }),
};

/** Marks a check that does the same again and again, each time for so many milliseconds at most. */
function repeated(mostOfATime, check) {
  return Object.assign(check, { mostOfATime });
}

async function connects({ page, calls }, { ours, theirs, offerer }) {
  for (let time = 0; time < calls.times; time++) {
    await withCall({ page, calls }, { certificate: ours, algorithm: ALGORITHMS[theirs] }, async (call) => {
      await call.open(offerer);
      await call.echoed();
      const stats = await call.stats();
      const transport = stats.find(({ type }) => type === 'transport');
      const shows = (id) => Buffer.from(stats.find((it) => it.id === id).base64Certificate, 'base64');
      expectKey(shows(transport.localCertificateId), ours, 'this side');
      expectKey(shows(transport.remoteCertificateId), theirs, 'the page');
      // Who answers opens the handshake, as both browsers and this side do by themselves.
      const role = offerer === 'page' ? 'client' : 'server';
      expect(transport.dtlsRole === role, `this side is the ${transport.dtlsRole}`);
    });
  }
  return { times: calls.times };
}

function expectKey(der, kind, whose) {
  expect(der.includes(MARKS[kind]) && (kind !== 'rsa' || der.includes(MODULUS)), `${whose} shows another key than ${kind}: ${der.toString('hex')}`);
}

/** A browser may know no such key: then both sides say that they have failed, and neither waits. */
async function refusesOrTakes({ page, calls }, offerer) {
  return withCall({ page, calls }, { certificate: 'ed25519' }, async (call) => {
    await call.open(offerer);
    let states;
    await call.eventually(() => `the same end on both sides: ${states}`, async () => {
      const [there, { connectionState: here }] = [await page.evaluate(() => window.side.pc.connectionState), await call.report()];
      states = [there, here];
      return states.every((state) => state === 'connected') || states.every((state) => state === 'failed');
    }, UNPROVEN);
    if (states[0] === 'connected') await call.echoed();
    return states[0];
  });
}

async function withCall({ page, calls }, options, check) {
  const call = await Call.start(page, calls.program, 'peer', options);
  try {
    return await check(call);
  } finally {
    call.stop();
    await page.evaluate(() => window.side.pc.close());
  }
}
