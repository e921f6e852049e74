'use strict';
// Calls the server: sends camera and microphone, says "ping" on a data channel once a second, and shows what comes back.

const $ = (id) => document.getElementById(id);

/** The call there is: its connection, the id that the server gave it, its own media, and its timers. */
let call = null;

async function start() {
  showError('');
  $('log').textContent = '';
  const mine = call = { pc: new RTCPeerConnection(), id: null, media: null, timers: [] };
  showRunning(true);
  try {
    watch(mine);
    await addMedia(mine);
    if ($('use-datachannel').checked) openChannel(mine);
    await negotiate(mine);
  } catch (error) {
    if (call === mine) showError(inWords(error));
    end(mine);
  }
}

function end(mine) {
  if (call === mine) {
    call = null;
    showRunning(false);
  }
  mine.timers.splice(0).forEach(clearInterval);
  mine.media?.getTracks().forEach((track) => track.stop());
  mine.pc.close();
  // The server may have ended it by itself, in which case it does not know the id any more.
  if (mine.id) post('close', { pc_id: mine.id }).catch(() => {});
  mine.id = null;
}

// --- the call ----------------------------------------------------------------------------------------------------------

async function addMedia(mine) {
  const [audio, video] = [$('use-audio').checked, $('use-video').checked];
  if (!audio && !video) return;
  if (!navigator.mediaDevices) throw new Error('Camera and microphone need HTTPS, or a server on this machine.');
  mine.media = await navigator.mediaDevices.getUserMedia({
    audio: audio && chosen('microphone'),
    video: video && { ...chosen('camera'), width: { ideal: 640 }, height: { ideal: 480 } },
  });
  if (call !== mine) throw new Error('stopped meanwhile');
  $('own').srcObject = mine.media;
  for (const track of mine.media.getTracks()) {
    const transceiver = mine.pc.addTransceiver(track, { streams: [mine.media] });
    const codec = $(`${track.kind}-codec`).value;
    if (codec) prefer(transceiver, track.kind, codec);
  }
  await listDevices(); // which have names from here on
}

function chosen(id) {
  const device = $(id).value;
  return device ? { deviceId: { exact: device } } : {};
}

/** Offers one codec, and what repairs its losses. */
function prefer(transceiver, kind, codec) {
  const wanted = [codec, `${kind}/rtx`];
  const { codecs } = RTCRtpReceiver.getCapabilities(kind);
  transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => wanted.includes(mimeType)));
}

async function negotiate(mine) {
  await mine.pc.setLocalDescription();
  await gathered(mine.pc);
  const { sdp, type } = mine.pc.localDescription;
  const answer = await post('offer', { sdp, type, video_transform: $('transform').value });
  mine.id = answer.pc_id;
  await mine.pc.setRemoteDescription({ sdp: answer.sdp, type: answer.type });
}

const gathered = (pc) => new Promise((resolve) => {
  const look = () => pc.iceGatheringState === 'complete' && resolve();
  pc.addEventListener('icegatheringstatechange', look);
  look();
});

function watch(mine) {
  const { pc } = mine;
  pc.ontrack = ({ streams: [stream] }) => { $('returned').srcObject = stream; };
  pc.onconnectionstatechange = () => {
    $('status').textContent = pc.connectionState;
    if (pc.connectionState === 'failed') {
      showError('The connection failed: nothing gets through between this browser and the server.');
      end(mine);
    }
  };
  const statistics = new Statistics(pc);
  mine.timers.push(setInterval(async () => showRows(await statistics.rows()), 1000));
}

function openChannel(mine) {
  const channel = mine.pc.createDataChannel('chat');
  let count = 0;
  const ping = () => {
    if (channel.readyState !== 'open') return;
    const text = `ping ${count++}`;
    log(`> ${text}`);
    channel.send(text);
  };
  channel.onopen = () => {
    log('open');
    ping();
    mine.timers.push(setInterval(ping, 1000));
  };
  channel.onmessage = ({ data }) => log(`< ${data}`);
  channel.onclose = () => {
    log('closed');
    if (call !== mine) return;
    showError('The server ended the call.');
    end(mine);
  };
}

function post(path, body) {
  const headers = { 'content-type': 'application/json' };
  // A call is also ended when the page goes away.
  return ask(path, { method: 'POST', headers, body: JSON.stringify(body), keepalive: true });
}

async function ask(path, options) {
  const response = await fetch(path, options).catch(() => { throw new Error('The server does not answer.'); });
  const reply = await response.json();
  if (!response.ok) throw new Error(`The server refused: ${reply.error}.`);
  return reply;
}

// --- what there is to choose from --------------------------------------------------------------------------------------

async function listDevices() {
  const devices = await navigator.mediaDevices?.enumerateDevices() ?? [];
  for (const [id, kind] of [['camera', 'videoinput'], ['microphone', 'audioinput']]) {
    const found = devices.filter((device) => device.kind === kind && device.deviceId);
    offer(id, found.map(({ deviceId, label }, index) => [deviceId, label || `${id} ${index + 1}`]));
  }
}

/** Those that the browser can send and the server names when it is asked for an offer. */
async function listCodecs() {
  const { sdp, pc_id } = await ask('offer-request?kind=audio,video');
  await post('close', { pc_id });
  for (const section of sdp.split(/^m=/m).slice(1)) {
    const [kind] = section.split(' ', 1);
    const theirs = [...section.matchAll(/^a=rtpmap:\d+ ([^/]+)/gm)].map(([, name]) => `${kind}/${name}`.toLowerCase());
    const ours = RTCRtpSender.getCapabilities(kind).codecs.map(({ mimeType }) => mimeType);
    const both = [...new Set(ours)].filter((type) => theirs.includes(type.toLowerCase()) && !type.endsWith('/rtx'));
    offer(`${kind}-codec`, both.map((type) => [type, type.split('/')[1]]));
  }
}

/** Fills a list, which keeps its choice where that still exists. */
function offer(id, options) {
  const before = $(id).value;
  $(id).replaceChildren(...[['', 'any'], ...options].map(([value, text]) => new Option(text, value)));
  if (options.some(([value]) => value === before)) $(id).value = before;
}

// --- what is shown -----------------------------------------------------------------------------------------------------

function showRunning(running) {
  $('choices').disabled = $('start').disabled = running;
  $('stop').disabled = !running;
  $('status').textContent = running ? 'calling' : 'no call';
  if (!running) $('own').srcObject = $('returned').srcObject = null;
}

function showRows(rows) {
  $('stats').replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement('tr');
    row.append(Object.assign(document.createElement('th'), { scope: 'row', textContent: name }));
    row.append(Object.assign(document.createElement('td'), { textContent: value }));
    return row;
  }));
}

function showError(text) {
  $('error').textContent = text;
}

function log(line) {
  $('log').textContent += `${line}\n`;
  $('log').scrollTop = $('log').scrollHeight;
}

function inWords(error) {
  switch (error.name) {
    case 'NotAllowedError': return 'The browser does not let this page use camera or microphone.';
    case 'NotFoundError': return 'There is no camera or microphone.';
    case 'OverconstrainedError': return 'The chosen camera or microphone is gone.';
    case 'NotReadableError': return 'Another program uses the camera or microphone.';
    default: return error.message;
  }
}

$('settings').onsubmit = (event) => {
  event.preventDefault();
  start();
};
$('stop').onclick = () => call && end(call);
navigator.mediaDevices?.addEventListener('devicechange', listDevices);
addEventListener('pagehide', () => call && end(call));
Promise.all([listDevices(), listCodecs()]).catch((error) => showError(inWords(error)));
