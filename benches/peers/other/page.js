// What the page does; chromium.mjs calls measure().
const HIGH = 1 << 20;
const LOW = 512 << 10;
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A hash of all bytes. */
function hash(buffer) {
  const words = new Uint32Array(buffer, 0, buffer.byteLength >> 2);
  let sum = buffer.byteLength;
  for (let index = 0; index < words.length; index++) sum = Math.imul(sum ^ words[index], 0x9e3779b1) ^ (sum >>> 15);
  return sum;
}

const chain = (before, message) => Math.imul(before ^ message, 0x85ebca6b) ^ (before >>> 13);

async function connect(work) {
  const started = performance.now();
  const [a, b] = [new RTCPeerConnection(), new RTCPeerConnection()];
  a.onicecandidate = ({ candidate }) => b.addIceCandidate(candidate);
  b.onicecandidate = ({ candidate }) => a.addIceCandidate(candidate);
  const channels = ['bulk', 'ping'].map((label) => a.createDataChannel(label));
  for (const channel of channels) channel.binaryType = 'arraybuffer';
  b.ondatachannel = ({ channel }) => {
    channel.binaryType = 'arraybuffer';
    channel.onmessage = ({ data }) => (channel.label === 'bulk' ? work.take(data) : channel.send(data));
  };
  const opened = channels.map((channel) => new Promise((resolve) => { channel.onopen = resolve; }));
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await a.setRemoteDescription(b.localDescription);
  await Promise.all(opened);
  return { a, b, bulk: channels[0], ping: channels[1], taken: performance.now() - started };
}

function load(channel, size, state) {
  const messages = Array.from({ length: 61 }, () => {
    const words = crypto.getRandomValues(new Uint8Array(Math.min(size, 65536)));
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += words.length) bytes.set(words.subarray(0, Math.min(words.length, size - at)), at);
    return { bytes, hash: hash(bytes.buffer) };
  });
  channel.bufferedAmountLowThreshold = LOW;
  const fill = () => {
    while (!state.stop && channel.bufferedAmount < HIGH) {
      const message = messages[state.sent % messages.length];
      state.sent += 1;
      state.hash = chain(state.hash, message.hash);
      channel.send(message.bytes);
    }
  };
  channel.onbufferedamountlow = fill;
  fill();
}

function pings(channel, state) {
  const message = new Uint8Array(64);
  let started;
  const send = () => {
    if (state.stop) return;
    started = performance.now();
    channel.send(message);
  };
  channel.onmessage = () => {
    if (state.counts) state.times.push(performance.now() - started);
    send();
  };
  send();
}

function percentiles(times, unit) {
  times.sort((left, right) => left - right);
  const at = (share) => times[Math.min(Math.floor(times.length * share), times.length - 1)] * unit;
  return { p50: at(0.5), p99: at(0.99), round_trips: times.length };
}

async function measure({ kind, size, seconds }) {
  const sink = { messages: 0, bytes: 0, hash: 0 };
  const work = {
    take(data) {
      sink.messages += 1;
      sink.bytes += data.byteLength;
      sink.hash = chain(sink.hash, hash(data));
    },
  };
  if (kind === 'setup') return setUp(work, seconds);
  const { a, bulk, ping } = await connect(work);
  const sending = { stop: false, sent: 0, hash: 0 };
  const trips = { stop: false, counts: false, times: [] };
  const result = {};
  if (kind === 'handshake') {
    const transport = [...(await a.getStats()).values()].find((entry) => entry.type === 'transport');
    return { dtls: transport.tlsVersion === 'FEFC' ? '1.3' : '1.2', suite: transport.dtlsCipher };
  }
  if (kind !== 'ping') load(bulk, size, sending);
  if (kind !== 'transfer') pings(ping, trips);
  await sleep(seconds * 250);
  const read = async () => ({ at: performance.now(), cpu: await cpuSeconds(), bytes: sink.bytes });
  const before = await read();
  trips.counts = true;
  await sleep(seconds * 1000);
  trips.counts = false;
  const after = await read();
  const bytes = after.bytes - before.bytes;
  const time = (after.at - before.at) / 1000;
  result.cores = (after.cpu - before.cpu) / time;
  if (kind !== 'ping') {
    result.mb_per_s = bytes / 1e6 / time;
    if (bytes > 0) result.cpu_s_per_gb = (after.cpu - before.cpu) / (bytes / 1e9);
  }
  if (kind !== 'transfer') Object.assign(result, percentiles(trips.times, 1000));
  trips.stop = sending.stop = true;
  const patience = performance.now() + 20_000;
  while (sink.messages < sending.sent && performance.now() < patience) await sleep(5);
  if (sink.messages < sending.sent) result.error = `${sink.messages} of ${sending.sent} messages arrived`;
  else if (sink.hash !== sending.hash) result.error = 'what arrived is not what was sent';
  return result;
}

async function setUp(work, seconds) {
  await connect(work).then(({ a, b }) => { a.close(); b.close(); });
  const [times, cpu, started] = [[], await cpuSeconds(), performance.now()];
  while (times.length < 5 || performance.now() - started < seconds * 1000) {
    const { a, b, taken } = await connect(work);
    times.push(taken);
    a.close();
    b.close();
  }
  const each = ((await cpuSeconds()) - cpu) * 1000 / times.length;
  return { ...percentiles(times, 1000), cpu_ms_per_pair: each };
}
