// What is checked. Functions given to `page.evaluate` run in the page and use page/call.js.

const expect = (holds, what) => { if (!holds) throw new Error(what); };

/** Checks of the HTTP interface alone: no browser takes part. */
export const HTTP = {
  async 'bad bodies are refused with the reason'(server) {
    const offer = { type: 'offer', sdp: 'v=0\r\n' };
    const refused = [
      ['/offer', 'not json', 400],
      ['/offer', '', 400],
      ['/offer', { type: 'offer' }, 400],
      ['/offer', { type: 'answer', sdp: 'v=0\r\n' }, 400],
      ['/offer', { type: 'greeting', sdp: 'v=0\r\n' }, 400],
      ['/offer', { type: 'offer', sdp: 'hello' }, 400],
      ['/offer', { type: 'offer', sdp: 7 }, 400],
      ['/offer', { ...offer, pc_id: 'nobody' }, 404],
      ['/answer', { type: 'answer', sdp: 'v=0\r\n', pc_id: 'nobody' }, 404],
      ['/candidate', { pc_id: 'nobody', candidate: '' }, 404],
      ['/candidate', { candidate: '' }, 400],
      ['/close', { pc_id: 'nobody' }, 404],
      ['/close', '[', 400],
    ];
    for (const [where, body, wanted] of refused) {
      const { status, body: reply } = await server.post(where, body);
      const what = `${where} ${JSON.stringify(body)}`;
      expect(status === wanted, `${what}: status ${status}, wanted ${wanted}`);
      expect(typeof reply.error === 'string' && reply.error !== '', `${what}: no reason in ${JSON.stringify(reply)}`);
    }
    const { status, body } = await server.get('/offer-request?kind=teapot');
    expect(status === 400 && body.error.includes('teapot'), `kind=teapot: ${status} ${JSON.stringify(body)}`);
  },

  async 'a refused offer leaves no call behind'(server) {
    const before = (await server.get('/pcs')).body.count;
    await server.post('/offer', { type: 'offer', sdp: 'v=0\r\nm=nonsense\r\n' });
    const after = (await server.get('/pcs')).body;
    expect(after.count === before, `${before} calls before, ${JSON.stringify(after)} after`);
  },

  async 'a bad candidate is refused and the call goes on'(server) {
    const { body: { pc_id } } = await server.get('/offer-request?kind=data');
    const { status, body } = await server.post('/candidate', { pc_id, candidate: 'candidate:x y z', sdpMid: '0' });
    expect(status === 400 && body.error, `status ${status}: ${JSON.stringify(body)}`);
    const { body: { ids } } = await server.get('/pcs');
    expect(ids.includes(pc_id), `the call is gone: ${ids}`);
    expect((await server.post('/close', { pc_id })).status === 200, 'closing failed');
  },
};

/** Calls from a page whose browser shows its addresses. */
export const CALLS = {
  async 'the server\'s own page says ping and hears pong'({ page, server }) {
    // Data alone: these browsers have no camera.
    await page.evaluate(() => {
      for (const id of ['use-audio', 'use-video']) document.getElementById(id).checked = false;
    });
    await page.click('#start');
    await page.waitForFunction(() => document.getElementById('log').textContent.includes('< pong'), { timeout: 30_000 })
      .catch(async () => { throw new Error(`#log: ${await page.$eval('#log', (log) => log.textContent)}`); });
    const before = (await server.get('/pcs')).body.count;
    await page.click('#stop');
    await eventually(`fewer than ${before} calls`, async () => (await server.get('/pcs')).body.count < before);
  },

  'ten pings'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      const channel = call.pc.createDataChannel('chat');
      await negotiate(call);
      await pings(await whenOpen(channel, call.pc), 10);
    });
  },

  'echo of text, binary, empty messages and 200 kB'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      const channel = call.pc.createDataChannel('echo');
      await negotiate(call);
      await echoes(await whenOpen(channel, call.pc), ['hello', 'Grüße, 世界 🌍', pattern(1), pattern(1000), '',
        new Uint8Array(0), 'x'.repeat(70_000), pattern(200_000), '', 'the end']);
    });
  },

  'a label and a protocol that are not ASCII'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      const channel = call.pc.createDataChannel('Brennnessel – 荨麻', { protocol: 'ünï' });
      await negotiate(call);
      await pings(await whenOpen(channel, call.pc));
    });
  },

  'an unordered channel without retransmissions'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      const channel = call.pc.createDataChannel('echo', { ordered: false, maxRetransmits: 0 });
      await negotiate(call);
      await echoes(await whenOpen(channel, call.pc), ['one', pattern(5000), '']);
    });
  },

  'channels that give up after a number of retransmissions or a time'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      const rules = [{ maxRetransmits: 2 }, { maxPacketLifeTime: 3_000 }, { ordered: false, maxPacketLifeTime: 3_000 }];
      const channels = rules.map((rule) => call.pc.createDataChannel('echo', rule));
      await negotiate(call);
      for (const channel of channels) {
        await echoes(await whenOpen(channel, call.pc), ['one', pattern(20_000), '', 'last']);
      }
    });
  },

  'a message of 256 KiB'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      const channel = call.pc.createDataChannel('echo');
      await negotiate(call);
      await echoes(await whenOpen(channel, call.pc), [pattern(262_144), 'x'.repeat(262_144), 'the end']);
    });
  },

  'twenty channels at once'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      const channels = Array.from({ length: 20 }, (_, at) => call.pc.createDataChannel(`channel ${at}`));
      await negotiate(call);
      await Promise.all(channels.map(async (channel) => pings(await whenOpen(channel, call.pc))));
    });
  },

  'a channel is closed, and its stream used again'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      const first = call.pc.createDataChannel('first');
      await negotiate(call);
      await pings(await whenOpen(first, call.pc));
      first.close();
      await whenClosed(first);
      const second = call.pc.createDataChannel('second');
      await pings(await whenOpen(second, call.pc));
      equal(call.pc.connectionState, 'connected', 'connection');
    });
  },

  'a channel negotiated beforehand'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      const channel = call.pc.createDataChannel('agreed', { negotiated: true, id: 42 });
      const echo = call.pc.createDataChannel('echo', { negotiated: true, id: 7 });
      await negotiate(call, { negotiated: [{ id: 42, label: 'agreed' }, { id: 7, label: 'echo' }] });
      await pings(await whenOpen(channel, call.pc));
      await echoes(await whenOpen(echo, call.pc), ['text', pattern(3000)]);
    });
  },

  'the server offers'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      const { pc } = call;
      const arrived = new Promise((resolve) => { pc.ondatachannel = ({ channel }) => resolve(channel); });
      await takeOffer(call, 'data');
      const channel = await within(20, () => `a channel; ${states(pc)}`, arrived);
      equal(channel.label, 'chat', 'label');
      // Chromium calls the channel open before it can send on it, and drops what is sent in between ("Send failed
      // INVALID_STATE" in its log, once in ten calls).
      await pause(100);
      await pings(await whenOpen(channel, pc));
      // Ours opens on a stream of the other parity.
      await echoes(await whenOpen(pc.createDataChannel('echo'), pc), ['mine', pattern(20_000)]);
    });
  },

  'candidates trickle both ways'({ page }) {
    return trickles(page, { up: true, down: true });
  },

  'candidates trickle to the server alone'({ page }) {
    return trickles(page, { up: true, down: false });
  },

  'candidates trickle to the browser alone'({ page }) {
    return trickles(page, { up: false, down: true });
  },

  'data connects beside audio and video'({ page }) {
    return page.evaluate(async () => {
      const call = newCall();
      call.pc.addTransceiver('audio');
      call.pc.addTransceiver('video');
      const channel = call.pc.createDataChannel('chat');
      await negotiate(call);
      equal(sections(call.answer).map(([kind]) => kind).join(), 'audio,video,application', 'sections of the answer');
      await pings(await whenOpen(channel, call.pc));
    });
  },

  'renegotiation keeps the channel'({ page, server }) {
    return page.evaluate(async () => {
      const call = newCall();
      const channel = call.pc.createDataChannel('chat');
      await negotiate(call);
      const { id } = call;
      await pings(await whenOpen(channel, call.pc));
      await negotiate(call);
      equal(call.id, id, 'pc_id');
      await pings(channel);
      call.pc.addTransceiver('audio');
      await negotiate(call);
      equal(sections(call.answer).map(([kind]) => kind).join(), 'application,audio', 'sections');
      await pings(channel);
      await pings(await whenOpen(call.pc.createDataChannel('later'), call.pc));
    });
  },

  'an ICE restart keeps the channel'({ page }) {
    return page.evaluate(async () => {
      const ufrag = (sdp) => sdp.match(/^a=ice-ufrag:(.*)\r$/m)[1];
      const call = newCall();
      const channel = call.pc.createDataChannel('chat');
      await negotiate(call);
      await pings(await whenOpen(channel, call.pc));
      const before = ufrag(call.answer);
      await negotiate(call, { iceRestart: true });
      if (ufrag(call.answer) === before) throw new Error('the answer keeps the ufrag');
      await within(20, () => states(call.pc), until(call.pc, 'iceconnectionstatechange',
        () => ['connected', 'completed'].includes(call.pc.iceConnectionState)));
      await pings(channel, 10);
    });
  },

  async 'the server closes'({ page, server }) {
    const id = await page.evaluate(async () => {
      const call = newCall();
      window.channel = call.pc.createDataChannel('chat');
      await negotiate(call);
      await pings(await whenOpen(channel, call.pc));
      return call.id;
    });
    expect((await server.get('/pcs')).body.ids.includes(id), `${id} is not listed`);
    const { status } = await server.post('/close', { pc_id: id });
    expect(status === 200, `/close: ${status}`);
    await page.evaluate(() => whenClosed(channel));
    expect(!(await server.get('/pcs')).body.ids.includes(id), `${id} is still listed`);
    const again = await server.post('/close', { pc_id: id });
    expect(again.status === 404, `closed twice: ${again.status}`);
  },

  async 'the browser closes'({ page, server }) {
    const id = await page.evaluate(async () => {
      const call = newCall();
      const channel = call.pc.createDataChannel('chat');
      await negotiate(call);
      await pings(await whenOpen(channel, call.pc));
      call.pc.close();
      return call.id;
    });
    await eventually(`${id} is gone`, async () => !(await server.get('/pcs')).body.ids.includes(id));
  },
};

/** Calls from a page whose browser hides its addresses behind .local names. */
export const HIDDEN = {
  async 'hidden addresses: ten pings'({ page }) {
    const offer = await page.evaluate(async () => {
      const call = newCall();
      const channel = call.pc.createDataChannel('chat');
      await negotiate(call);
      await pings(await whenOpen(channel, call.pc), 10);
      return call.offer;
    });
    expect(/^a=candidate:.*\.local /m.test(offer), `no .local name in the offer:\n${offer}`);
  },

  // The browser learns no address of the server here, so that the server has to find the browser by its name.
  'hidden addresses: the server finds the browser by its name'({ page }) {
    return trickles(page, { up: true, down: false });
  },
};

function trickles(page, directions) {
  return page.evaluate(async (directions) => {
    const call = newCall();
    const channel = call.pc.createDataChannel('chat');
    await trickle(call, directions);
    await pings(await whenOpen(channel, call.pc));
  }, directions);
}

async function eventually(what, holds) {
  const end = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
