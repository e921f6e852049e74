// Calls from headless browsers to the example server; a line of JSON per check, exit 0 when all passed.
//
//   node run.mjs [--once | --bars | --rounds N] [--browser chromium|firefox] [--only WORDS] [--again] [--lossy]
//                [--server PATH] [--filexfer PATH] [--peer PATH] [--megabytes N] [--glares N] [--times N]
//
// With --lossy codecs alone are checked, on a path that has to lose packets (lossy.sh).
//
// With --again a check that fails is tried a second time, and both are told: pictures and sound cross in real time, and a busy
// machine may be late once. What fails twice fails. The bars know no second time.
//
// Without a browser or puppeteer-core it says so and exits with 0.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CERTIFICATES } from './certificate-checks.mjs';
import { CALLS, HIDDEN, HTTP } from './checks.mjs';
import { CODECS, LOSSY } from './codec-checks.mjs';
import { startCoturn } from './coturn.mjs';
import { FILES } from './file-checks.mjs';
import { HIDDEN_ICE, ICE } from './ice-checks.mjs';
import { KEYS } from './key-checks.mjs';
import { findBrowser, launch } from './launch.mjs';
import { LAYERS } from './layer-checks.mjs';
import { MEDIA } from './media-checks.mjs';
import { NEGOTIATION } from './negotiation-checks.mjs';
import { PAGES } from './page-checks.mjs';
import { RELAYED } from './relay-checks.mjs';
import { Server, findProgram } from './server.mjs';
import { STATS } from './stats-checks.mjs';

// In the order in which they need each other.
const PAGE = ['call', 'file', 'picture', 'looks', 'sound', 'media', 'codecs', 'negotiation', 'layers', 'keys', 'stats']
  .map((name) => fs.readFileSync(fileURLToPath(new URL(`page/${name}.js`, import.meta.url)), 'utf8'));
const USUAL = {
  ...CALLS, ...FILES, ...MEDIA, ...CODECS, ...NEGOTIATION, ...LAYERS, ...KEYS, ...CERTIFICATES, ...STATS, ...PAGES, ...RELAYED, ...ICE,
};
const UNSEEN = { ...HIDDEN, ...HIDDEN_ICE };
const MOST_OF_ONE_CHECK = 60_000;
// Beside that, for each megabyte of a file.
const MOST_OF_A_MEGABYTE = 500;
// Beside that, for each time that both sides offer at once.
const MOST_OF_A_GLARE = 2_000;
const MOST_OF_A_LAUNCH = 100_000;

const { values: options } = parseArgs({
  options: {
    once: { type: 'boolean' },
    bars: { type: 'boolean' },
    rounds: { type: 'string' },
    browser: { type: 'string' },
    server: { type: 'string' },
    filexfer: { type: 'string' },
    peer: { type: 'string' },
    glares: { type: 'string' },
    times: { type: 'string' },
    megabytes: { type: 'string' },
    only: { type: 'string', default: '' },
    again: { type: 'boolean' },
    lossy: { type: 'boolean' },
  },
});

// The checks that failed and those that passed at the second attempt, told once more at the end.
const outcomes = { failed: [], again: [] };

const files = {
  program: options.filexfer ?? findProgram('datachannel-filexfer'),
  megabytes: Number(options.megabytes ?? 8),
};

const calls = {
  program: options.peer ?? findProgram('ortica-interop-peer'),
  glares: Number(options.glares ?? 5),
  times: Number(options.times ?? 1),
};

// Where a relay is to be asked, or why there is none; started for the checks that want it.
const turn = Object.keys(RELAYED).some((check) => check.includes(options.only)) ? await startCoturn() : { lack: 'not wanted' };

// What a check leaves behind must not keep this process up, nor must a signal leave a browser behind.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
const isGood = await main();
for (const line of outcomes.again) console.log(`at the second attempt: ${line.browser}, ${line.check}; at the first: ${line.error}`);
for (const line of outcomes.failed) console.log(`failed: ${line.browser}, ${line.check}: ${line.error}`);
process.exit(isGood ? 0 : 1);

async function main() {
  const puppeteer = await import('puppeteer-core').then((module) => module.default, () => undefined);
  if (!puppeteer) return skip('no puppeteer-core: run npm install in interop/browser');
  const names = options.browser ? [options.browser] : ['chromium', 'firefox'];
  const browsers = names.filter((name) => findBrowser(name));
  for (const name of names.filter((name) => !browsers.includes(name))) skip(`no ${name} here`);
  if (browsers.length === 0) return true;
  const program = options.server ?? findProgram('ortica-server');
  if (!program) {
    console.error('no server: run cargo build -p ortica-server, or give one by --server');
    return false;
  }
  const rounds = Number(options.rounds ?? (options.bars ? 10 : 1));
  const server = await Server.start(program);
  try {
    const http = options.lossy ? {} : HTTP;
    let good = await checkAll(server, { browser: 'http' }, http, (check) => limited(MOST_OF_ONE_CHECK, check(server)));
    for (const name of browsers) {
      let passed = 0;
      for (let round = 1; round <= rounds; round++) {
        const where = { browser: name, ...(rounds > 1 && { round }) };
        const checks = options.lossy ? LOSSY : USUAL;
        const visible = await withBrowser(puppeteer, server, where, { mdns: false }, checks);
        const hidden = options.lossy || await withBrowser(puppeteer, server, where, { mdns: true }, UNSEEN);
        passed += visible && hidden ? 1 : 0;
      }
      console.log(`${options.bars ? 'bar: ' : ''}${name}: ${passed} of ${rounds} rounds passed`);
      good = good && passed === rounds;
    }
    return good;
  } finally {
    await server.stop();
  }
}

function skip(why) {
  console.log(`skipped: ${why}`);
  return true;
}

/** Runs checks in a browser of their own, each in a fresh page. A browser that died is replaced. */
async function withBrowser(puppeteer, server, where, kind, checks) {
  if (!Object.keys(checks).some((check) => check.includes(options.only))) return true;
  let browser;
  try {
    return await checkAll(server, where, checks, async (check, failed) => {
      if (!browser?.connected) {
        await browser?.end();
        browser = await limited(MOST_OF_A_LAUNCH, launch(puppeteer, where.browser, kind));
      }
      const page = await limited(MOST_OF_ONE_CHECK, browser.newPage());
      const perform = async () => {
        await page.goto(server.url);
        for (const content of PAGE) await page.addScriptTag({ content });
        return check({ page, browser: where.browser, server, files, calls, turn, scripts: PAGE });
      };
      try {
        const most = MOST_OF_ONE_CHECK + (check.isLong ? files.megabytes * MOST_OF_A_MEGABYTE : 0)
          + (check.isGlaring ? calls.glares * MOST_OF_A_GLARE : 0) + (check.mostOfATime ?? 0) * calls.times;
        return await limited(most, perform());
      } catch (error) {
        // What was negotiated says more than the failure; a page that hangs must not hide it.
        const asked = page.evaluate(() => ({ offer: window.theCall?.offer, answer: window.theCall?.answer }));
        failed.sdp = await limited(5000, asked).catch(() => undefined);
        throw error;
      } finally {
        // A page that does not close takes its browser with it.
        await limited(10_000, page.close()).catch(() => browser.end());
      }
    });
  } finally {
    await browser?.end();
  }
}

/** Runs each check and prints how it went; what helps to find a fault goes to a file. */
async function checkAll(server, where, checks, perform) {
  let good = true;
  for (const [name, check] of Object.entries(checks).filter(([name]) => name.includes(options.only))) {
    if (!server.isUp()) {
      console.error(`the server is gone; its last words:\n${server.logSince(-2000)}`);
      return false;
    }
    let line = await attempt(server, { ...where, check: name }, check, perform);
    if (!line.ok && options.again) {
      const first = line;
      line = await attempt(server, { ...where, check: name, again: true }, check, perform);
      if (line.ok) outcomes.again.push(first);
    }
    if (!line.ok) {
      good = false;
      outcomes.failed.push(line);
    }
    if (options.glares && line.glares) {
      console.log(`bar: ${where.browser}, ${name}: ${line.glares} times, both sides agree`);
    }
    if (options.times && line.times) console.log(`bar: ${where.browser}, ${name}: ${line.times} times`);
    if (options.bars && options.megabytes && line.mb_per_s) {
      console.log(`bar: ${where.browser}, ${name}: ${files.megabytes} MB, exact, ${line.mb_per_s} MB/s`);
    }
  }
  return good;
}

/** Runs one check and prints its line, which is returned. */
async function attempt(server, line, check, perform) {
  const mark = server.mark();
  const started = performance.now();
  const failed = {};
  try {
    Object.assign(line, { ok: true }, await perform(check, failed));
  } catch (error) {
    Object.assign(line, { ok: false, error: error.message, report: report(server, line.browser, line.check, mark, failed) });
  }
  line.seconds = Number(((performance.now() - started) / 1000).toFixed(2));
  console.log(JSON.stringify(line));
  return line;
}

function report(server, browser, name, mark, { sdp }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ortica-interop-'));
  const file = path.join(folder, `${browser} ${name}.txt`.replaceAll(/[^\w.]+/g, '-'));
  fs.writeFileSync(file, `# offer\n${sdp?.offer}\n# answer\n${sdp?.answer}\n# server\n${server.logSince(mark)}`);
  return file;
}

function limited(milliseconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${milliseconds / 1000} s`)), milliseconds);
  });
  // Whichever comes second may fail unheard.
  promise.catch(() => {});
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
