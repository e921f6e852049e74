// Headless browsers, also as root and without a sound device.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const PROGRAMS = {
  chromium: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  firefox: ['firefox-esr', 'firefox'],
};

// A microphone that hums at 440 Hz, as page/sound.js wants it, and pictures that play without a gesture.
const FIREFOX_MEDIA = {
  'media.autoplay.default': 0,
  'media.navigator.audio.fake_frequency': 440,
  'media.navigator.permission.disabled': true,
  'media.navigator.streams.fake': true,
};

// Nothing is fetched or reported while the tests run.
const QUIET_FIREFOX = {
  'app.update.enabled': false,
  'browser.region.update.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'media.gmp-manager.updateEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.telemetry.server': '',
};

/** Where a browser is: the variable CHROMIUM or FIREFOX, else the PATH; undefined if nowhere. */
export function findBrowser(name) {
  const named = process.env[name.toUpperCase()];
  if (named) return named;
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  return PROGRAMS[name].flatMap((program) => folders.map((folder) => path.join(folder, program)))
    .find((file) => fs.existsSync(file));
}

/**
 * Starts a browser. With `mdns` it hides its addresses behind .local names, as it does for any page. Beside what puppeteer
 * gives it has `end()`, which closes it and insists after ten seconds; if this process exits first, it is killed.
 */
export async function launch(puppeteer, name, kind) {
  const browser = await start(puppeteer, name, kind);
  const child = browser.process();
  // It leads a process group of its own, so that its helpers go with it.
  const kill = () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    try { process.kill(-child.pid, 'SIGKILL'); } catch { /* just gone */ }
  };
  process.once('exit', kill);
  browser.end = async () => {
    const insist = setTimeout(kill, 10_000);
    await browser.close().catch(kill);
    clearTimeout(insist);
    process.off('exit', kill);
  };
  return browser;
}

async function start(puppeteer, name, { mdns }) {
  const common = { headless: true, executablePath: findBrowser(name), timeout: 90_000, protocolTimeout: 180_000 };
  if (name === 'firefox') {
    const extraPrefsFirefox = { ...QUIET_FIREFOX, ...FIREFOX_MEDIA };
    if (!mdns) {
      extraPrefsFirefox['media.peerconnection.ice.obfuscate_host_addresses'] = false;
      extraPrefsFirefox['media.peerconnection.ice.loopback'] = true;
    }
    return puppeteer.launch({ ...common, browser: 'firefox', protocol: 'webDriverBiDi', extraPrefsFirefox });
  }
  const args = ['--no-first-run', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-background-timer-throttling',
    '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding', '--mute-audio',
    '--autoplay-policy=no-user-gesture-required'];
  // Chromium's sandbox refuses to run as root.
  if (process.getuid?.() === 0) args.push('--no-sandbox');
  if (!mdns) args.push('--disable-features=WebRtcHideLocalIpsWithMdns', '--allow-loopback-in-peer-connection');
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'ortica-chromium-'));
  const browser = await puppeteer.launch({ ...common, browser: 'chrome', userDataDir: profile, args });
  browser.process().once('exit', () => {
    try { fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 }); } catch { /* a helper still writes there */ }
  });
  return browser;
}
