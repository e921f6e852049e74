// One measurement of Chromium: two peer connections in one page. Takes the arguments of the other stacks' programs, prints a line of
// JSON like theirs. CPU and memory are those of all its processes.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { findBrowser, launch } from '../../../interop/browser/launch.mjs';

const require = createRequire(new URL('../../../interop/browser/package.json', import.meta.url));
const PAGE = fs.readFileSync(new URL('page.js', import.meta.url), 'utf8');

const [kind, ...words] = process.argv.slice(2);
const option = (name, otherwise) => (words.includes(name) ? Number(words[words.indexOf(name) + 1]) : otherwise);
const job = { kind, size: option('--size', 16384), seconds: option('--seconds', 3) };

let browser;
try {
  const puppeteer = require('puppeteer-core');
  if (!findBrowser('chromium')) throw new Error('no chromium here');
  if (kind === 'there') process.exit(0);
  browser = await launch(puppeteer.default ?? puppeteer, 'chromium', { mdns: false });
  const page = await browser.newPage();
  // Only secure contexts get the finer clock; localhost would need a server, about:blank does.
  await page.exposeFunction('cpuSeconds', () => cpuSeconds(browser.process().pid));
  await page.addScriptTag({ content: PAGE });
  console.log(JSON.stringify(await page.evaluate((job) => measure(job), job)));
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
} finally {
  await browser?.end();
}

/** CPU time of a process group, in seconds: proc_pid_stat(5), fields 5, 14 and 15. */
function cpuSeconds(group) {
  let ticks = 0;
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ');
      if (Number(fields[2]) === group) ticks += Number(fields[11]) + Number(fields[12]);
    } catch { /* just gone */ }
  }
  return ticks / 100;
}
