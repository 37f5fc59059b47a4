/** What `bin.ts` starts: the command, with the streams and signals of this process. */
import { main } from '@coracle/cli';

const interruption = new AbortController();
// Ctrl-C comes from the terminal and again through npm: the second is the same wish.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort());
for (const stream of [process.stdout, process.stderr]) {
  // Whoever read it is gone (`coracle up | head -1`): that ends it, too, and in order.
  stream.on('error', () => interruption.abort());
}
const hasScreen = process.stdout.isTTY && process.env['TERM'] !== 'dumb';
process.exitCode = await main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  program: [process.execPath, ...process.execArgv, ...process.argv.slice(1, 2)],
  interrupted: interruption.signal,
  ...(hasScreen
    ? {
        screen: {
          // Asked for, because `columns` is that of the last SIGWINCH, and the terminal has broken its lines before that came.
          columns: () => process.stdout.getWindowSize()[0],
          onResize(listener: () => void) {
            process.stdout.on('resize', listener);
            return { [Symbol.dispose]: () => void process.stdout.off('resize', listener) };
          },
        },
      }
    : {}),
  log({ level, process: component, message, fields }) {
    if (level === 'error' || level === 'warn') process.stderr.write(`${level} ${component}: ${message} ${JSON.stringify(fields)}\n`);
  },
});
