// Calls in which the browser is reached by way of coturn alone. Functions given to `page.evaluate` use page/call.js.

const expect = (holds, what) => { if (!holds) throw new Error(what); };

export const RELAYED = {
  'relayed addresses alone, over UDP': (check) => relayed(check, 'udp'),
  'relayed addresses alone, over TCP': (check) => relayed(check, 'tcp'),
};

async function relayed({ page, turn }, protocol) {
  if (turn.lack) return { skipped: turn.lack };
  const { offer, local } = await page.evaluate(async (server) => {
    const call = newCall({ iceServers: [server], iceTransportPolicy: 'relay' });
    const channel = call.pc.createDataChannel('echo');
    await negotiate(call);
    await echoes(await whenOpen(channel, call.pc), ['hello', pattern(200_000), 'the end']);
    const report = [...(await call.pc.getStats()).values()];
    // What has carried data is not nominated yet, perhaps.
    const pair = report.find((it) => it.type === 'candidate-pair' && it.state === 'succeeded' && it.bytesSent > 200_000);
    return { offer: call.offer, local: report.find((it) => it.id === pair.localCandidateId) };
  }, turn.servers[protocol]);
  const candidates = offer.match(/^a=candidate:.*$/gm) ?? [];
  expect(candidates.length > 0 && candidates.every((it) => it.includes('typ relay')), `not relayed: ${candidates}`);
  // The browser may learn in a check how it is seen, which is from the relay as well.
  expect(local.relayProtocol === protocol, `over ${local.relayProtocol}: ${JSON.stringify(local)}`);
  return {};
}
