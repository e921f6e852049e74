// ortica-interop-peer as the other side of a page: what either signals goes to the other, at once or when it is let go.
import { spawn } from 'node:child_process';
import readline from 'node:readline';

const PATIENCE = 20_000;

/** The program, which negotiates by itself. */
class Peer {
  #child;
  #said = '';
  /** Who waits for what it is asked for, by the type of the message. */
  #asked = { report: [], stats: [] };
  #kill = () => this.#child.kill('SIGKILL');
  /** Takes what it signals. */
  onSignal = () => {};

  constructor(program, words) {
    this.#child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'] });
    // However this process ends, that one ends with it.
    process.once('exit', this.#kill);
    this.#child.stderr.setEncoding('utf8').on('data', (text) => { this.#said = (this.#said + text).slice(-10_000); });
    this.#child.stdin.on('error', () => {});
    readline.createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const message = JSON.parse(line);
      const waiting = this.#asked[message.type];
      if (waiting) waiting.shift()?.(message);
      else this.onSignal(message);
    });
  }

  say(message) {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** How it sees the call (`report`), or what it counted (`stats`). */
  ask(what) {
    let late;
    const answer = new Promise((resolve, reject) => {
      this.#asked[what].push(resolve);
      late = setTimeout(() => reject(new Error(`no ${what}: ${this.#said}`)), PATIENCE);
    });
    this.say({ do: what });
    return answer.finally(() => clearTimeout(late));
  }

  stop() {
    process.off('exit', this.#kill);
    this.#kill();
  }
}

/** A call between a page and the program. */
export class Call {
  #page;
  #peer;
  #held = undefined;
  #failure;
  #over = false;
  #rewrite;

  /**
   * `polite` is the side that gives way: `page` or `peer`. The program's certificate is of the kind that `certificate` names, the
   * page's of the algorithm `algorithm`; `words` are for the program beside that, `configuration` is for the page's connection. What is
   * signalled goes through `rewrite(way, message)`, where `way` is `toPage` or `toPeer`; nothing goes on where that gives nothing.
   */
  static async start(page, program, polite, options = {}) {
    const { certificate, algorithm, words = [], configuration, rewrite = (_, message) => message } = options;
    if (!program) throw new Error('no ortica-interop-peer: run cargo build -p ortica-interop-peer, or give one by --peer');
    const call = new Call();
    call.#page = page;
    call.#rewrite = rewrite;
    call.#peer = new Peer(program, [polite === 'peer' && 'polite', certificate, ...words].filter(Boolean));
    call.#peer.onSignal = (message) => call.#carry('toPage', message);
    await page.evaluate((...side) => startSide(...side), polite === 'page', algorithm, configuration);
    call.#listen().catch((error) => { if (!call.#over) call.#failure ??= error; });
    return call;
  }

  async #listen() {
    while (!this.#over) {
      for (const message of await this.#page.evaluate(() => nextSignals())) this.#carry('toPeer', message);
    }
  }

  #carry(way, original) {
    const message = this.#rewrite(way, original);
    if (!message) return;
    if (this.#held) this.#held.push([way, message]);
    else this.#deliver(way, message);
  }

  #deliver(way, message) {
    if (way === 'toPeer') this.#peer.say(message);
    else this.#page.evaluate((message) => hear(message), message).catch((error) => { this.#failure ??= error; });
  }

  /** Has the peer do something. */
  command(name, options = {}) {
    this.#peer.say({ do: name, ...options });
  }

  report() {
    return this.#peer.ask('report');
  }

  /** What the peer counted, as a list of the W3C's objects. */
  async stats() {
    return Object.values((await this.#peer.ask('stats')).stats);
  }

  /** Both ends of the pair that the peer uses, as its statistics have them. */
  async pair() {
    let ends;
    await this.eventually('a pair in use', async () => {
      const stats = await this.stats();
      const find = (id) => stats.find((it) => it.id === id);
      const pair = find(stats.find(({ type }) => type === 'transport')?.selectedCandidatePairId);
      ends = pair && { local: find(pair.localCandidateId), remote: find(pair.remoteCandidateId) };
      return ends;
    });
    return ends;
  }

  /** Has `page` or `peer` make a channel, which is negotiated. */
  async open(offerer) {
    await this.#page.evaluate((offers) => {
      const { side } = window;
      side.channel = offers
        ? Promise.resolve(side.pc.createDataChannel('echo'))
        : new Promise((resolve) => { side.pc.ondatachannel = ({ channel }) => resolve(channel); });
    }, offerer === 'page');
    if (offerer === 'peer') this.command('channel', { label: 'echo' });
  }

  /** Waits until messages have gone both ways over that channel, of so many bytes too. */
  echoed(length = 20_000) {
    return this.#page.evaluate(async (length) => {
      const { pc, channel } = window.side;
      const open = await whenOpen(await within(20, () => `a channel; ${states(pc)}`, channel), pc);
      // Chromium calls a channel that it did not make open a little before it can send on it.
      await pause(100);
      await echoes(open, ['text', pattern(length), 'the end']);
    }, length);
  }

  /** Keeps what is signalled back while `act` runs and until both sides have made an offer. */
  async glare(act) {
    this.#held = [];
    await act();
    const offers = (way) => this.#held.some(([to, { type }]) => to === way && type === 'offer');
    await this.eventually('an offer of each side', async () => offers('toPeer') && offers('toPage'));
    const held = this.#held;
    this.#held = undefined;
    for (const [way, message] of held) this.#deliver(way, message);
  }

  /** Waits until both sides have settled, and see the same. */
  async settled() {
    let views;
    await this.eventually(() => `the same view on both sides: ${JSON.stringify(views)}`, async () => {
      const peer = await this.report();
      const page = await this.#page.evaluate(() => view());
      views = { page, peer };
      return page.signalingState === 'stable' && peer.signalingState === 'stable' && agree(page, peer);
    });
    return views;
  }

  /** Waits until something holds, for so many milliseconds at most; nothing that was signalled may have failed by then. */
  async eventually(what, holds, patience = PATIENCE) {
    const end = Date.now() + patience;
    while (!(await holds())) {
      if (this.#failure) throw this.#failure;
      if (Date.now() > end) throw new Error(`not within ${patience / 1000} s: ${typeof what === 'string' ? what : what()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  stop() {
    this.#over = true;
    this.#peer.stop();
  }

  /** Ends the page's side as well, whose page may be gone. */
  async end() {
    this.stop();
    await this.#page.evaluate(() => window.side.pc.close()).catch(() => {});
  }
}

const MIRRORED = { sendrecv: 'sendrecv', sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' };

/** Whether what flows in each section is the same from both sides, and is what each side wants. */
function agree(page, peer) {
  const sections = new Map(peer.transceivers.map((it) => [it.mid, it]));
  return page.transceivers.length === sections.size && page.transceivers.every(({ mid, kind, currentDirection, wanted }) => {
    const other = sections.get(mid);
    const sends = (direction) => direction.startsWith('send');
    return mid !== null && other?.kind === kind && MIRRORED[currentDirection] === other.currentDirection
      && sends(wanted) === sends(currentDirection ?? '') && sends(other.direction) === sends(other.currentDirection ?? '');
  });
}
