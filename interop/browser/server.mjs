// A server under test: found, started on a free port, asked over HTTP, stopped.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The newest build there is of a program, or undefined. */
export function findProgram(name) {
  const target = path.resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target');
  const age = (file) => fs.statSync(file).mtimeMs;
  return ['debug', 'release'].map((profile) => path.join(target, profile, name))
    .filter((file) => fs.existsSync(file)).sort((a, b) => age(b) - age(a))[0];
}

export class Server {
  #process;
  #log = '';
  #said = '';

  /** Starts `program`; the address is the first thing that it prints. */
  static async start(program, ...words) {
    const server = new Server();
    const child = spawn(program, ['--port', '0', '--verbose', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
    server.#process = child;
    // However this process ends, the server ends with it.
    process.once('exit', () => child.kill('SIGKILL'));
    child.stderr.setEncoding('utf8').on('data', (text) => { server.#log += text; });
    server.url = await new Promise((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (text) => {
        server.#said += text;
        resolve(text.trim());
      });
      child.on('error', reject);
      child.on('exit', (code) => reject(new Error(`the server exited with ${code}: ${server.#log}`)));
    });
    return server;
  }

  isUp() {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** A place in the log, for `logSince`. */
  mark() {
    return this.#log.length;
  }

  logSince(mark) {
    return this.#log.slice(mark);
  }

  async get(where) {
    return answered(await fetch(new URL(where, this.url)));
  }

  /** Posts a value as JSON, or a string as it is. */
  async post(where, body) {
    return answered(await fetch(new URL(where, this.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    }));
  }

  /** Waits until it ends by itself, which it has to do well, and gives what it said. */
  async ended() {
    if (this.isUp()) await new Promise((resolve) => this.#process.once('close', resolve));
    if (this.#process.exitCode !== 0) throw new Error(`it ended with ${this.#process.exitCode}: ${this.#log.slice(-2000)}`);
    return this.#said;
  }

  /** Asks it to end, and insists after five seconds. */
  async stop() {
    const child = this.#process;
    if (!this.isUp()) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    const insist = setTimeout(() => child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(insist);
  }
}

async function answered(response) {
  const text = await response.text();
  let body = text;
  try { body = JSON.parse(text); } catch { /* a page, or no JSON at all: the checks look at it */ }
  return { status: response.status, body };
}
