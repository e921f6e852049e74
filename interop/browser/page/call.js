'use strict';
// Runs in the page of each check, which may have scripts of its own. A call is {pc, id, offer, answer}; what comes last is
// for the functions of checks.mjs and for the other files here.
(() => {

const within = (seconds, what, promise) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${seconds} s: ${what()}`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

const until = (target, event, done) => new Promise((resolve) => {
  const look = () => {
    if (!done()) return;
    target.removeEventListener(event, look);
    resolve();
  };
  target.addEventListener(event, look);
  look();
});

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const request = async (path, body) => {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(path, body === undefined ? {} : init);
  const reply = await response.json();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${reply.error}`);
  return reply;
};

const states = (pc) =>
  `connection ${pc.connectionState}, ICE ${pc.iceConnectionState}, DTLS ${pc.sctp?.transport?.state}`;

const allGathered = (pc) => within(15, () => `gathering ${pc.iceGatheringState}`,
  until(pc, 'icegatheringstatechange', () => pc.iceGatheringState === 'complete'));

const withoutCandidates = (sdp) => sdp.replace(/^a=(candidate:.*|end-of-candidates)\r\n/gm, '');

// As a peer would write it that knows no groups.
const withoutGroups = (sdp) => sdp.replace(/^a=group:BUNDLE.*\r\n/gm, '');

// Makes an offer with all candidates, has it answered, and takes the answer. Again on the same call it renegotiates.
async function negotiate(call, options = {}) {
  const { pc } = call;
  await pc.setLocalDescription(await pc.createOffer({ iceRestart: options.iceRestart ?? false }));
  await allGathered(pc);
  const { type, sdp } = pc.localDescription;
  call.offer = sdp;
  const body = { type, sdp: options.unbundled ? withoutGroups(sdp) : sdp };
  if (call.id) body.pc_id = call.id;
  if (options.negotiated) body.negotiated = options.negotiated;
  if (options.transform) body.video_transform = options.transform;
  const answer = await request('offer', body);
  call.id = answer.pc_id;
  call.answer = answer.sdp;
  await pc.setRemoteDescription({ type: answer.type, sdp: answer.sdp });
  return call;
}

// Takes an offer of the server of these kinds, and answers it once `prepare` is done. Again on the same call it renegotiates.
async function takeOffer(call, kinds, prepare = () => {}, options = {}) {
  const { pc } = call;
  const offer = await request(`offer-request?kind=${kinds}${call.id ? `&pc_id=${call.id}` : ''}`);
  Object.assign(call, { id: offer.pc_id, offer: offer.sdp });
  await pc.setRemoteDescription({ type: offer.type, sdp: options.unbundled ? withoutGroups(offer.sdp) : offer.sdp });
  await prepare();
  await pc.setLocalDescription();
  await allGathered(pc);
  call.answer = pc.localDescription.sdp;
  await request('answer', { type: 'answer', sdp: call.answer, pc_id: call.id });
}

// The DTLS transports of a call.
const transports = (pc) => new Set([...pc.getSenders().map((sender) => sender.transport), pc.sctp?.transport].filter(Boolean));

const newCall = (configuration = {}) => {
  window.theCall = { pc: new RTCPeerConnection(configuration) };
  return window.theCall;
};

const whenOpen = (channel, pc) => within(20, () => `channel ${channel.label} open; ${states(pc)}`,
  until(channel, 'open', () => channel.readyState === 'open').then(() => channel));

const whenClosed = (channel) => within(20, () => `channel ${channel.label} closed, it is ${channel.readyState}`,
  until(channel, 'close', () => channel.readyState === 'closed'));

// A channel's messages in order, one per call of the function that this returns.
const inbox = (channel) => {
  channel.binaryType = 'arraybuffer';
  const messages = [];
  let wake = () => {};
  channel.addEventListener('message', ({ data }) => {
    messages.push(data);
    wake();
  });
  return async () => {
    if (messages.length === 0) {
      await within(20, 
        () => `a message on ${channel.label}, which is ${channel.readyState} with ${channel.bufferedAmount} bytes to send`,
         new Promise((resolve) => { wake = resolve; }));
    }
    return messages.shift();
  };
};

const equal = (got, wanted, what) => {
  if (got !== wanted) throw new Error(`${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
};

async function pings(channel, count = 3) {
  const next = inbox(channel);
  for (let i = 0; i < count; i++) {
    channel.send(`ping ${i}`);
    equal(await next(), `pong ${i}`, 'reply');
  }
}

// Sends and expects the same back, of the same type.
async function echoes(channel, payloads) {
  const next = inbox(channel);
  for (const payload of payloads) {
    channel.send(payload);
    const back = await next();
    if (typeof payload === 'string') {
      equal(back, payload, 'echoed text');
      continue;
    }
    if (!(back instanceof ArrayBuffer)) throw new Error(`echo of ${payload.length} bytes is ${typeof back}`);
    const bytes = new Uint8Array(back);
    equal(bytes.length, payload.length, 'length of the echo');
    const wrong = bytes.findIndex((byte, at) => byte !== payload[at]);
    if (wrong >= 0) throw new Error(`echo of ${payload.length} bytes differs at ${wrong}`);
  }
}

const pattern = (length) => Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 255);

// The candidate of this side that carried most of the data: some may have gone over another pair before one was nominated.
async function carrier(pc) {
  const report = [...(await pc.getStats()).values()];
  const pairs = report.filter((it) => it.type === 'candidate-pair' && it.bytesSent > 0);
  const [pair] = pairs.sort((one, other) => other.bytesSent - one.bytesSent);
  if (!pair) throw new Error(`no pair carried anything: ${JSON.stringify(report)}`);
  return report.find((it) => it.id === pair.localCandidateId);
}

// The m= lines of a description, as [kind, port].
const sections = (sdp) => [...sdp.matchAll(/^m=(\S+) (\d+)/gm)].map(([, kind, port]) => [kind, Number(port)]);

// Hands the server's candidates to the browser as they come, until they end.
async function takeCandidates({ pc, id }) {
  for (let tries = 0; tries < 100; tries++) {
    for (const { candidate, sdpMid, sdpMLineIndex } of await request(`candidates?pc_id=${id}`)) {
      if (candidate === '') return;
      await pc.addIceCandidate({ candidate, sdpMid, sdpMLineIndex });
    }
    await pause(50);
  }
  throw new Error('the server\'s candidates did not end');
}

// Negotiates before any candidate is known; `up` and `down` say in which directions they then follow.
async function trickle(call, { up, down }) {
  const { pc } = call;
  const local = [];
  const wake = new EventTarget();
  pc.addEventListener('icecandidate', ({ candidate }) => {
    local.push(candidate);
    wake.dispatchEvent(new Event('more'));
  });
  const offer = await pc.createOffer();
  await pc.setLocalDescription(offer);
  call.offer = offer.sdp;
  const answer = await request('offer', { type: 'offer', sdp: withoutCandidates(offer.sdp) });
  call.id = answer.pc_id;
  call.answer = answer.sdp;
  await pc.setRemoteDescription({ type: 'answer', sdp: withoutCandidates(answer.sdp) });
  const tell = async () => {
    for (let sent = 0; ; sent++) {
      await within(15, () => 'the next local candidate', until(wake, 'more', () => local.length > sent));
      if (local[sent] === null) break;
      const { candidate, sdpMid, sdpMLineIndex, usernameFragment } = local[sent];
      if (candidate !== '') {
        await request('candidate', { pc_id: call.id, candidate, sdpMid, sdpMLineIndex, usernameFragment });
      }
    }
    await request('candidate', { pc_id: call.id, candidate: '', sdpMid: '0', sdpMLineIndex: 0 });
  };
  await Promise.all([up && tell(), down && takeCandidates(call)]);
}

Object.assign(window, { allGathered, carrier, echoes, equal, negotiate, newCall, pattern, pause, pings, request, sections, states,
  takeOffer, transports, trickle, until, whenClosed, whenOpen, within });
})();
