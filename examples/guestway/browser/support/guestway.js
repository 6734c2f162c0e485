import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../..', import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
const program = process.env.GUESTWAY ?? join(target, 'debug/guestway');

/** A server on a free port, with a new database. */
export class Guestway {
  /** What the server has logged, at the most detailed level. */
  log = '';
  /** What the server has printed. */
  printed = '';
  #server;

  /** `options` are those of `guestway serve`. */
  static async start(...options) {
    const guestway = new Guestway();
    guestway.folder = await mkdtemp(join(tmpdir(), 'guestway-browser-'));
    guestway.file = join(guestway.folder, 'guestway.db');
    guestway.environment = {
      ...process.env,
      GUESTWAY_DATABASE: `sqlite://${guestway.file}`,
      RUST_LOG: 'trace',
      NO_COLOR: '1',
    };
    guestway.partner = await guestway.command('partner', 'add', 'Door locks');
    await guestway.#serve(options);
    return guestway;
  }

  async #serve(options) {
    const args = ['serve', '--listen', '127.0.0.1:0', ...options];
    this.#server = spawn(program, args, { env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#server.stdout.setEncoding('utf8').on('data', (text) => { this.printed += text; });
    this.#server.stderr.setEncoding('utf8');
    this.port = await new Promise((found, failed) => {
      this.#server.once('error', failed);
      this.#server.once('exit', () => failed(new Error(`the server ended: ${this.log}`)));
      this.#server.stderr.on('data', (text) => {
        this.log += text;
        const bound = /serving bound=127\.0\.0\.1:(\d+)/.exec(this.log);
        if (bound) found(Number(bound[1]));
      });
    });
    this.origin = `http://127.0.0.1:${this.port}`;
    this.tokensUrl = `${this.origin}/settings/api-access`;
  }

  async stop() {
    const ended = new Promise((resolve) => this.#server.once('exit', resolve));
    this.#server.kill();
    await ended;
    await rm(this.folder, { recursive: true });
  }

  /** What a command prints. */
  async command(...args) {
    const { stdout } = await run(program, [...args, '--json'], { env: this.environment });
    return JSON.parse(stdout);
  }

  /** A link with which a user signs in once. */
  async link(organization, ...options) {
    const args = ['admin', 'sign-in', '--organization', organization, '--url', this.origin, ...options];
    return (await this.command(...args)).link;
  }

  async operatorLink(...options) {
    return (await this.command('admin', 'sign-in', '--operator', '--url', this.origin, ...options)).link;
  }

  createToken(organization, name, scopes, ...options) {
    const granted = scopes.flatMap((scope) => ['--scope', scope]);
    return this.command('token', 'create', '--organization', organization, '--name', name, ...granted, ...options);
  }

  tokens(organization) {
    return this.command('token', 'list', '--organization', organization);
  }

  /** The status of a request with the partner's key and this token. */
  async requestStatus(token, partner = this.partner) {
    const headers = { 'X-Api-Key': partner.key, Authorization: `Bearer ${token}` };
    return (await fetch(`${this.origin}/v1/organization`, { headers })).status;
  }

  async sql(statement) {
    await run('sqlite3', ['-cmd', '.timeout 5000', this.file, statement]);
  }
}
