#!/usr/bin/env node
import { main } from '@coracle/cli';

const interruption = new AbortController();
// Ctrl-C comes from the terminal and again through npm: the second is the same wish.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interruption.abort());
process.exitCode = await main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  interrupted: interruption.signal,
  log({ level, process: component, message, fields }) {
    if (level === 'error' || level === 'warn') process.stderr.write(`error ${component}: ${message} ${JSON.stringify(fields)}\n`);
  },
});
