/**
 * The floor: a watch of the pod server that Node reads and that is split into lines, and nothing else, or each line of which JSON.parse reads:
 * `bare-watch.ts URL CONTROL EVENTS split|parse`. There is no store, no handler, and nobody hears of errors.
 */
import { request } from 'node:http';
import { connect } from 'node:http2';
import { measureEvents } from './measure.ts';

const [url = '', control = '', events, what] = process.argv.slice(2);
const watch = '/api/v1/pods?watch=1';
let lines = 0;
let seen: (() => void) | undefined;
let torn: Buffer[] = [];

function came(chunk: Buffer): void {
  let start = 0;
  for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
    const tail = chunk.subarray(start, end);
    const line = torn.length === 0 ? tail : Buffer.concat([...torn, tail]);
    torn = [];
    start = end + 1;
    if (what === 'parse') JSON.parse(line.toString());
    if (++lines % Number(events) === 0) seen?.();
  }
  if (start < chunk.length) torn.push(chunk.subarray(start));
}

const begun = Promise.withResolvers<void>();
if (url.startsWith('https:')) {
  const stream = connect(url, { rejectUnauthorized: false }).request({ ':path': watch });
  stream.once('response', () => begun.resolve());
  stream.on('data', came);
} else {
  request(`${url}${watch}`, (response) => {
    begun.resolve();
    response.on('data', came);
  }).end();
}
await begun.promise;
console.log(JSON.stringify(await measureEvents(control, Number(events), () => new Promise<void>((resolve) => (seen = resolve)))));
process.exit();
