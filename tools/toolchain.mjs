// What the npm scripts stand on. Plain JavaScript, because it runs before anything is installed, on Node 20 or later.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The repository's root, absolute. */
export const root = path.dirname(import.meta.dirname);

const modules = path.join(root, 'node_modules');
const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/**
 * Runs `npm ci` when node_modules is not what package-lock.json says, and does nothing otherwise. The stamp that is compared
 * is npm's own: the hidden lockfile, which npm writes last and which holds what it installed.
 */
export async function installMissing() {
  const missing = firstDifference(lockedPackages('package-lock.json'), lockedPackages('node_modules/.package-lock.json'));
  if (missing === undefined) return;
  console.error(`Installing dependencies (${missing} is not installed as package-lock.json has it)`);
  const [command, ...args] = npmCommand();
  const exit = await runToEnd(command, [...args, 'ci', '--no-fund', '--no-audit', '--loglevel=error'], {
    env: environmentOfRoot(),
    stdio: ['inherit', 2, 2],
  });
  if (exit.signal !== null || exit.code !== 0) endLike(exit);
}

/**
 * Becomes Node 24 running `args`, in the folder where npm runs the script: does not return. The sources are TypeScript and run
 * unbuilt; compiled code is kept between runs.
 *
 * @param {readonly string[]} args
 */
export async function becomeNode24(args) {
  endLike(await runNode24(args));
}

/**
 * Runs Node 24 with `args` to its end.
 *
 * @param {readonly string[]} args
 */
export function runNode24(args) {
  const env = { ...process.env, NODE_COMPILE_CACHE: path.join(modules, '.cache', 'coracle', 'compile') };
  return runToEnd(node24(), ['--conditions=coracle-source', ...args], { env, stdio: 'inherit' });
}

/**
 * Ends this process as `exit` says that another one ended: the same code, or the same signal.
 *
 * @param {{ code: number | null, signal: string | null }} exit
 * @returns {never}
 */
export function endLike({ code, signal }) {
  if (signal === null) process.exit(code ?? 1);
  for (const each of signals) process.removeAllListeners(each);
  process.kill(process.pid, signal);
  // A signal that does not end a process (SIGCHLD, or one that the parent blocked) must not leave us running.
  process.exit(1);
}

function node24() {
  const installed = path.join(modules, '.bin', 'node');
  if (existsSync(installed)) return installed;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  console.error(
    `Node ${process.versions.node} cannot run the sources, and Node 24 does not come with npm for this platform ` +
      `(${process.platform} ${process.arch}): put Node 24 on PATH`,
  );
  process.exit(1);
}

/**
 * Signals are handed on, so that `kill` of this process or of npm reaches the one that does the work. Ctrl-C reaches it from the
 * terminal and again through npm and through us, so programs take a repeated signal as one.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {Promise<{ code: number | null, signal: string | null }>}
 */
function runToEnd(command, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: process.cwd(), ...options });
    const handOn = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
    for (const signal of signals) process.on(signal, handOn);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const each of signals) process.off(each, handOn);
      resolve({ code, signal });
    });
  });
}

/** npm as it was started, under its own Node: `npm ci` removes the Node 24 that may be running this. */
function npmCommand() {
  const { npm_execpath: npm, npm_node_execpath: node } = process.env;
  return npm === undefined ? ['npm'] : [node ?? process.execPath, npm];
}

/** `npm test -w packages/X` hands its workspace down in the environment; the install is of the whole repository. */
function environmentOfRoot() {
  const { npm_config_workspace: _, npm_config_workspaces: __, npm_config_local_prefix: ___, ...rest } = process.env;
  return { ...rest, INIT_CWD: root };
}

/**
 * @typedef {{ version?: string, resolved?: string, link?: boolean, optional?: boolean, devOptional?: boolean }} LockedPackage
 * @param {string} file
 * @returns {Record<string, LockedPackage>}
 */
function lockedPackages(file) {
  const absolute = path.join(root, file);
  return existsSync(absolute) ? JSON.parse(readFileSync(absolute, 'utf8')).packages : {};
}

/**
 * The first package that is wanted and not there in its version. Optional ones may be absent (other platforms').
 *
 * @param {Record<string, LockedPackage>} wanted
 * @param {Record<string, LockedPackage>} installed
 */
function firstDifference(wanted, installed) {
  for (const [location, want] of Object.entries(wanted)) {
    if (location === '') continue;
    const have = installed[location];
    if (have === undefined ? want.optional !== true : have.version !== want.version || have.link !== want.link) return location;
  }
  return undefined;
}
