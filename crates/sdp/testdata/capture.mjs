// Makes the browser files of this folder: node capture.mjs chromium|firefox OUT_DIR
// Needs puppeteer-core (npm install puppeteer-core) and the browser itself. No peer and no network: two
// RTCPeerConnection objects of one page talk to each other, and every description is written as the page saw it.
// Host candidates are mDNS names, as any page without camera permission gets them.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import puppeteer from 'puppeteer-core';

const [browserName, out] = process.argv.slice(2);

const launch = {
  chromium: () => puppeteer.launch({
    browser: 'chrome',
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    userDataDir: fs.mkdtempSync(path.join(os.tmpdir(), 'capture-')),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking'],
  }),
  firefox: () => puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    extraPrefsFirefox: {
      'media.peerconnection.ice.obfuscate_host_addresses': true,
      'media.peerconnection.ice.loopback': false,
      'media.gmp-manager.updateEnabled': false,
      'app.update.enabled': false,
      'network.captive-portal-service.enabled': false,
      'network.connectivity-service.enabled': false,
      'datareporting.policy.dataSubmissionEnabled': false,
      'toolkit.telemetry.server': '',
    },
  }),
};

// Runs in the page; returns { name: sdp }.
async function scenarios() {
  const files = {};
  // Tracks that need no device and no permission.
  const audioTrack = () => new AudioContext().createMediaStreamDestination().stream.getAudioTracks()[0];
  const videoTrack = () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
    canvas.getContext('2d').fillRect(0, 0, 640, 360);
    return canvas.captureStream(5).getVideoTracks()[0];
  };
  const stream = () => new MediaStream();
  const gathered = (pc) => new Promise((done) => {
    const look = () => pc.iceGatheringState === 'complete' && done();
    pc.addEventListener('icegatheringstatechange', look);
    setTimeout(done, 8000);
    look();
  });
  const exchange = async (a, b) => {
    const offer = await a.createOffer();
    await a.setLocalDescription(offer);
    await b.setRemoteDescription(offer);
    const answer = await b.createAnswer();
    await b.setLocalDescription(answer);
    await a.setRemoteDescription(answer);
    return [offer.sdp, answer.sdp];
  };
  const scenario = async (name, configuration, run) => {
    const [a, b] = [new RTCPeerConnection(configuration), new RTCPeerConnection(configuration)];
    try {
      await run(a, b, (suffix, sdp) => { files[`${name}${suffix}`] = sdp; });
    } catch (error) {
      files[`${name}-failed`] = String(error);
    }
    a.close();
    b.close();
  };

  await scenario('av-data', {}, async (a, b, keep) => {
    const s = stream();
    a.addTrack(audioTrack(), s);
    a.addTrack(videoTrack(), s);
    a.createDataChannel('chat');
    b.addTrack(audioTrack(), stream());
    b.addTrack(videoTrack(), stream());
    const [offer, answer] = await exchange(a, b);
    keep('-offer', offer);
    keep('-answer', answer);
    await Promise.all([gathered(a), gathered(b)]);
    keep('-offer-gathered', a.localDescription.sdp);
    keep('-answer-gathered', b.localDescription.sdp);
    a.restartIce();
    const [offer2, answer2] = await exchange(a, b);
    keep('-restart-offer', offer2);
    keep('-restart-answer', answer2);
  });

  await scenario('max-bundle', { bundlePolicy: 'max-bundle' }, async (a, b, keep) => {
    a.addTrack(audioTrack(), stream());
    a.addTrack(videoTrack(), stream());
    a.createDataChannel('chat');
    const [offer, answer] = await exchange(a, b);
    keep('-offer', offer);
    keep('-answer', answer);
  });

  await scenario('max-compat', { bundlePolicy: 'max-compat' }, async (a, b, keep) => {
    a.addTransceiver('audio');
    a.addTransceiver('video');
    keep('-offer', (await exchange(a, b))[0]);
  });

  await scenario('simulcast', {}, async (a, b, keep) => {
    a.addTransceiver(videoTrack(), {
      direction: 'sendonly',
      streams: [stream()],
      sendEncodings: [
        { rid: 'q', scaleResolutionDownBy: 4 }, { rid: 'h', scaleResolutionDownBy: 2 }, { rid: 'f' },
      ],
    });
    const [offer, answer] = await exchange(a, b);
    keep('-offer', offer);
    keep('-answer', answer);
  });

  await scenario('recvonly', {}, async (a, b, keep) => {
    a.addTransceiver('audio', { direction: 'recvonly' });
    a.addTransceiver('video', { direction: 'recvonly' });
    b.addTrack(audioTrack(), stream());
    const [offer, answer] = await exchange(a, b);
    keep('-offer', offer);
    keep('-answer', answer);
  });

  await scenario('rejected', {}, async (a, b, keep) => {
    a.addTransceiver('audio');
    const video = a.addTransceiver('video');
    a.createDataChannel('chat');
    const offer = await a.createOffer();
    await a.setLocalDescription(offer);
    await b.setRemoteDescription(offer);
    b.getTransceivers()[1].stop();
    const answer = await b.createAnswer();
    await b.setLocalDescription(answer);
    await a.setRemoteDescription(answer);
    keep('-answer', answer.sdp);
    video.stop();
    const [again] = await exchange(a, b);
    keep('-stopped-offer', again);
    a.addTransceiver('video');
    keep('-recycled-offer', (await exchange(a, b))[0]);
  });

  await scenario('codec-preferences', {}, async (a, b, keep) => {
    const only = (t, kind, names) => t.setCodecPreferences(
      RTCRtpReceiver.getCapabilities(kind).codecs.filter((c) => names.includes(c.mimeType.split('/')[1].toLowerCase())));
    only(a.addTransceiver('audio'), 'audio', ['pcmu', 'pcma']);
    only(a.addTransceiver('video'), 'video', ['vp8', 'rtx']);
    keep('-offer', (await exchange(a, b))[0]);
  });

  await scenario('data', {}, async (a, b, keep) => {
    a.createDataChannel('chat');
    const [offer, answer] = await exchange(a, b);
    keep('-offer', offer);
    keep('-answer', answer);
  });

  await scenario('inactive', {}, async (a, b, keep) => {
    a.addTransceiver('audio', { direction: 'inactive' });
    keep('-offer', (await exchange(a, b))[0]);
  });

  await scenario('empty', {}, async (a, b, keep) => {
    keep('-offer', (await a.createOffer()).sdp);
  });

  await scenario('header-extensions', {}, async (a, b, keep) => {
    const t = a.addTransceiver('video');
    if (!t.setHeaderExtensionsToNegotiate) return;
    const all = t.getHeaderExtensionsToNegotiate();
    t.setHeaderExtensionsToNegotiate(all.map((e) => ({ ...e, direction: 'sendrecv' })));
    keep('-offer', (await exchange(a, b))[0]);
  });
  return files;
}

const browser = await launch[browserName]();
try {
  const version = await browser.version();
  const page = await browser.newPage();
  const files = await page.evaluate(scenarios);
  fs.mkdirSync(out, { recursive: true });
  for (const [name, sdp] of Object.entries(files)) {
    fs.writeFileSync(path.join(out, `${browserName}-${name}.sdp`), sdp);
    console.log(version, name, sdp.length);
  }
} finally {
  await browser.close();
}
