// The pages of other examples than the server: webcam is watched, record is called. Functions given to `page.evaluate` run in the page.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Server, findProgram } from './server.mjs';

export const PAGES = {
  async 'webcam: the picture moves and there is sound'({ page }) {
    const webcam = await start('webcam');
    try {
      await page.goto(webcam.url);
      await page.click('#start');
      const { numbers, isMuted, error } = await page.evaluate(watch, 20);
      const distinct = new Set(numbers).size;
      const ordered = numbers.every((number, at) => at === 0 || number >= numbers[at - 1]);
      if (error || !ordered || distinct < 15) throw new Error(`${error}; numbers of the pictures: ${numbers}`);
      if (isMuted) throw new Error('no sound comes');
      return { missing: numbers.at(-1) - numbers[0] + 1 - distinct };
    } finally {
      await webcam.stop();
    }
  },

  async 'record: a call becomes a file'({ page, scripts }) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ortica-record-'));
    const file = path.join(folder, 'call.webm');
    const record = await start('record', '--record-to', file);
    try {
      await page.goto(record.url);
      for (const content of scripts) await page.addScriptTag({ content });
      await page.evaluate(async () => {
        // In place of a camera and a microphone, which are not everywhere.
        const stream = new MediaStream([await tone(), pictures()]);
        navigator.mediaDevices.getUserMedia = async () => stream;
      });
      await page.click('#start');
      await page.waitForFunction(() => document.getElementById('status').textContent === 'recording', { timeout: 20_000 });
      await page.evaluate(() => pause(3_000));
      await page.click('#stop');
      const said = await record.ended();
      const [, frames, seconds] = /recorded (\d+) frames, ([\d.]+) s/.exec(said) ?? [];
      // Sound alone has fifty frames in a second, and the beginning may be missed.
      if (!(frames > 60 && seconds > 1.5)) throw new Error(`it said ${said}`);
      const begins = fs.readFileSync(file).subarray(0, 4).toString('hex');
      if (begins !== '1a45dfa3') throw new Error(`a file that begins with ${begins}`);
      return { frames: Number(frames), recorded_s: Number(seconds) };
    } finally {
      await record.stop();
      fs.rmSync(folder, { recursive: true });
    }
  },
};

function start(name, ...words) {
  const program = findProgram(name);
  if (!program) throw new Error(`no ${name}: run cargo build -p ${name}`);
  return Server.start(program, ...words);
}

/** The numbers that the program's moving picture carries in its blocks, most significant bit first, of `count` pictures. */
async function watch(count) {
  const [width, height, blocks, bits] = [640, 480, 24, 16];
  const video = document.getElementById('video');
  const canvas = Object.assign(document.createElement('canvas'), { width, height }).getContext('2d', { willReadFrequently: true });
  const numbers = [];
  const seen = new Promise((resolve) => {
    const look = () => {
      if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
        canvas.drawImage(video, 0, 0, width, height);
        const isSet = (bit) => canvas.getImageData((bit + 0.5) * width / blocks, height / 24, 1, 1).data[1] > 128;
        numbers.push(Array.from({ length: bits }, (_, bit) => Number(isSet(bit))).reduce((number, bit) => 2 * number + bit, 0));
      }
      if (numbers.length === count) resolve();
      else video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  });
  const late = new Promise((resolve) => { setTimeout(resolve, 20_000, 'too few pictures'); });
  const error = await Promise.race([seen, late]);
  return { numbers, error, isMuted: video.srcObject?.getAudioTracks().every(({ muted }) => muted) ?? true };
}
