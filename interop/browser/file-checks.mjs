// Files between a page and datachannel-filexfer. Functions given to `page.evaluate` run in the page and use page/file.js.
import { createHash, randomFillSync } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { FileTransfer } from './filexfer.mjs';

const BLOCK_LEN = 1 << 20;

export const FILES = {
  'file: a page sends one': long(async ({ page, files }) => {
    const folder = newFolder();
    const transfer = await start(files, 'receive', folder, 'in');
    try {
      transfer.say(await page.evaluate(() => offerFile()));
      const answer = await transfer.hears('answer');
      await page.evaluate((answer) => takeAnswer(answer), answer);
      const length = files.megabytes * 1e6;
      const sent = await finished(page, (length) => { window.transfer = sendFile(length); }, length);
      await transfer.hears('bye');
      await transfer.ended();
      return judge(sent, hashOf(path.join(folder, 'in')), length);
    } finally {
      transfer.stop();
      fs.rmSync(folder, { recursive: true });
    }
  }),

  'file: a page receives one': long(async ({ page, files }) => {
    const folder = newFolder();
    const length = files.megabytes * 1e6;
    make(path.join(folder, 'out'), length);
    const transfer = await start(files, 'send', folder, 'out');
    try {
      const offer = await transfer.hears('offer');
      transfer.say(await page.evaluate((offer) => answerFile(offer), offer));
      const received = await finished(page, () => { window.transfer = receiveFile(); });
      transfer.say({ type: 'bye' });
      await transfer.hears('bye');
      await transfer.ended();
      return judge(received, hashOf(path.join(folder, 'out')), length);
    } finally {
      transfer.stop();
      fs.rmSync(folder, { recursive: true });
    }
  }),
};

/** Marks a check whose time depends on the length of the file. */
function long(check) {
  return Object.assign(check, { isLong: true });
}

function newFolder() {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'ortica-file-'));
}

function start({ program }, role, folder, file) {
  if (!program) throw new Error('no datachannel-filexfer: run cargo build -p datachannel-filexfer, or give one by --filexfer');
  return FileTransfer.start(program, role, folder, file);
}

/** Has the page transfer a file, which may take longer than one call into it is given. */
async function finished(page, begin, ...words) {
  await page.evaluate(begin, ...words);
  for (;;) {
    const outcome = await page.evaluate(() => Promise.race([transfer, pause(1000)]));
    if (outcome) return outcome;
  }
}

function judge(page, hash, length) {
  if (page.length !== length) throw new Error(`${page.length} bytes of ${length}`);
  if (page.hash !== hash) throw new Error(`hash ${page.hash} in the page, ${hash} of the file`);
  return { megabytes: length / 1e6, mb_per_s: Number((length / 1e6 / page.seconds).toFixed(1)) };
}

function make(file, length) {
  const out = fs.openSync(file, 'w');
  for (let left = length; left > 0; left -= BLOCK_LEN) {
    fs.writeSync(out, randomFillSync(Buffer.alloc(Math.min(left, BLOCK_LEN))));
  }
  fs.closeSync(out);
}

/** As page/file.js hashes: SHA-256 over the SHA-256 of each MiB. */
function hashOf(file) {
  const [from, block, all] = [fs.openSync(file), Buffer.alloc(BLOCK_LEN), createHash('sha256')];
  for (let length; (length = fs.readSync(from, block)) > 0;) {
    all.update(createHash('sha256').update(block.subarray(0, length)).digest());
  }
  fs.closeSync(from);
  return all.digest('hex');
}
