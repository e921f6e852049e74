// datachannel-filexfer as the other side of a page, which has no sockets: what it signals comes and goes here.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';

const PATIENCE = 20_000;
const INTERVAL = 50;

export class FileTransfer {
  #child;
  #socket;
  #lines;
  #said = '';

  /** Starts `program` in a folder, to send or to receive one of its files, and finds its socket. */
  static async start(program, role, folder, file) {
    const socket = path.join(folder, 'socket');
    // The side that has the offer listens.
    const server = role === 'receive' ? net.createServer().listen(socket) : undefined;
    if (server) await once(server, 'listening');
    const transfer = new FileTransfer();
    const words = [role, file, '--signaling', 'unix-socket', '--signaling-path', socket, '--verbose'];
    const child = spawn(program, words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    transfer.#child = child;
    // However this process ends, that one ends with it.
    process.once('exit', () => child.kill('SIGKILL'));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { transfer.#said = (transfer.#said + text).slice(-100_000); });
    }
    transfer.#socket = server ? (await once(server, 'connection'))[0] : await transfer.#dial(socket);
    server?.close();
    // A side that is gone is noticed by what it did not say.
    transfer.#socket.on('error', () => {});
    transfer.#lines = readline.createInterface({ input: transfer.#socket })[Symbol.asyncIterator]();
    return transfer;
  }

  async #dial(file) {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const socket = net.connect(file);
      try {
        await once(socket, 'connect');
        return socket;
      } catch (error) {
        if (Date.now() > end || !this.#isUp()) throw new Error(`no signaling (${error.message}): ${this.#said}`);
        await new Promise((resolve) => setTimeout(resolve, INTERVAL));
      }
    }
  }

  #isUp() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Sends it a message. */
  say(message) {
    this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  /** The next message, which has to be of this type. */
  async hears(type) {
    const { value } = await this.#lines.next();
    const message = value === undefined ? {} : JSON.parse(value);
    if (message.type !== type) throw new Error(`${value} instead of ${type}: ${this.#said}`);
    return message;
  }

  /** Waits for its end, which has to be a good one. */
  async ended() {
    if (this.#isUp()) await once(this.#child, 'exit');
    if (this.#child.exitCode !== 0) throw new Error(`it ended with ${this.#child.exitCode}: ${this.#said}`);
  }

  stop() {
    this.#socket?.destroy();
    if (this.#isUp()) this.#child.kill('SIGKILL');
  }
}
