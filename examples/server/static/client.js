'use strict';
// Calls the server, says "ping" on a data channel once a second, and shows what comes back.

const $ = (id) => document.getElementById(id);
let call = null;

const log = (line) => {
  $('log').textContent += line + '\n';
  $('log').scrollTop = $('log').scrollHeight;
};

const post = async (path, body) => {
  const response = await fetch(path, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  const reply = await response.json();
  if (!response.ok) throw new Error(reply.error);
  return reply;
};

const gathered = (pc) => new Promise((resolve) => {
  if (pc.iceGatheringState === 'complete') return resolve();
  pc.addEventListener('icegatheringstatechange', () => pc.iceGatheringState === 'complete' && resolve());
});

async function start() {
  $('start').disabled = true;
  $('stop').disabled = false;
  const pc = new RTCPeerConnection();
  call = { pc, id: null, timers: [] };
  if ($('use-datachannel').checked) openChannel(pc);
  call.timers.push(setInterval(() => showStats(pc), 1000));
  try {
    await pc.setLocalDescription();
    await gathered(pc);
    const { sdp, type } = pc.localDescription;
    const answer = await post('offer', { sdp, type });
    call.id = answer.pc_id;
    await pc.setRemoteDescription(answer);
  } catch (error) {
    log('error: ' + error.message);
    await stop();
  }
}

function openChannel(pc) {
  const channel = pc.createDataChannel('chat');
  let count = 0;
  channel.onopen = () => {
    log('open');
    const ping = () => {
      if (channel.readyState !== 'open') return;
      const text = `ping ${count++}`;
      log('> ' + text);
      channel.send(text);
    };
    ping();
    call.timers.push(setInterval(ping, 1000));
  };
  channel.onmessage = (event) => log('< ' + event.data);
  channel.onclose = () => log('closed');
}

async function showStats(pc) {
  const all = [...(await pc.getStats()).values()];
  const pair = all.find((entry) => entry.type === 'candidate-pair' && entry.nominated);
  const rows = [['state', pc.connectionState], ['ICE', pc.iceConnectionState]];
  if (pair) {
    rows.push(['round trip', pair.currentRoundTripTime === undefined ? '' : `${pair.currentRoundTripTime * 1000} ms`]);
    rows.push(['sent', `${pair.bytesSent} bytes`], ['received', `${pair.bytesReceived} bytes`]);
  }
  $('stats').replaceChildren(...rows.map(([name, value]) => {
    const row = document.createElement('tr');
    row.append(...[name, value].map((text) => Object.assign(document.createElement('td'), { textContent: text })));
    return row;
  }));
}

async function stop() {
  const { pc, id, timers } = call;
  timers.forEach(clearInterval);
  pc.close();
  $('start').disabled = false;
  $('stop').disabled = true;
  if (id) await post('close', { pc_id: id }).catch(() => {});
}

$('start').onclick = start;
$('stop').onclick = stop;
