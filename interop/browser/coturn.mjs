// A TURN server at an address of this machine, for as long as this process runs.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

const USER = 'user';
const PASSWORD = 'secret';

/** Starts coturn; gives its ICE servers by protocol, or a reason why there are none. */
export async function startCoturn() {
  // Browsers bind their sockets to addresses of interfaces, from where loopback cannot be reached.
  const addresses = Object.values(os.networkInterfaces()).flat();
  const ip = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  if (!ip) return { lack: 'no address but loopback' };
  const port = await freePort(ip);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ortica-coturn-'));
  const child = spawn('turnserver', [
    '-n', '--no-cli', '--no-tls', '--no-dtls', '--lt-cred-mech', '--realm', 'ortica.test', '--user', `${USER}:${PASSWORD}`,
    '--listening-ip', ip, '--relay-ip', ip, '--listening-port', `${port}`, '--relay-threads', '1', '--log-file', 'stdout',
    '--db', path.join(folder, 'db'), '--pidfile', path.join(folder, 'pid'),
  ], { stdio: 'ignore' });
  const end = () => {
    child.kill('SIGKILL');
    fs.rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', end);
  const gone = new Promise((resolve) => {
    child.once('error', () => resolve('no coturn here: cargo xtask install coturn'));
    child.once('exit', () => resolve('coturn ended at once'));
  });
  const lack = await Promise.race([gone, listens(ip, port)]);
  if (lack) return { lack };
  const server = (transport) => ({ urls: `turn:${ip}:${port}?transport=${transport}`, username: USER, credential: PASSWORD });
  return { servers: { udp: server('udp'), tcp: server('tcp') } };
}

/** Waits until connections are taken there. */
async function listens(host, port) {
  for (;;) {
    const taken = await new Promise((resolve) => {
      const socket = net.connect({ host, port }, () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (taken) return undefined;
  }
}

function freePort(host) {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', reject).listen({ host, port: 0 }, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
