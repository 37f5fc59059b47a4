import { readFileSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { LiveRuntime } from '@coracle/kernel';
import * as m from '../messages.ts';
import { callUnary, sessionTo } from './grpc-client.fixture.ts';

/**
 * What a durable put costs servers of etcd's API, in turns: `put-cost.bench.ts [IN_FLIGHT] NAME=URL=PID …`. The client is slower
 * than any of them, so it is the processor time of the servers that is compared, by what Linux has counted for each process.
 */
const args = process.argv.slice(2);
const inFlight = /^\d+$/.test(args[0] ?? '') ? Number(args.shift()) : 64;
const { clock } = new LiveRuntime().process('bench');
const rounds = 9;
const roundMs = 700;
const connections = 4;
const value = Buffer.alloc(1024, 7);

interface Server {
  readonly name: string;
  readonly pid: string;
  readonly sessions: readonly ClientHttp2Session[];
  readonly perPut: number[];
  readonly perSecond: number[];
}

const servers = args.map((arg): Server => {
  const [name = '', url = '', pid = ''] = arg.split('=');
  return { name, pid, sessions: Array.from({ length: connections }, () => sessionTo(url)), perPut: [], perSecond: [] };
});

/** User and system time of all threads, in seconds. */
function cpuSeconds(pid: string): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function round({ sessions, pid, perPut, perSecond }: Server): Promise<void> {
  const [cpu, start] = [cpuSeconds(pid), clock.monotonic()];
  let puts = 0;
  const write = async (worker: number): Promise<void> => {
    const session = sessions[worker % sessions.length];
    while (session !== undefined && clock.monotonic() - start < roundMs) {
      const { status, text } = await callUnary(
        session,
        'etcdserverpb.KV/Put',
        m.putRequest.encode({ key: `k${worker}/${puts % 1000}`, value }),
      );
      if (status !== '0') throw new Error(`${status} ${text}`);
      puts++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, worker) => write(worker)));
  perPut.push(((cpuSeconds(pid) - cpu) * 1e6) / puts);
  perSecond.push((puts * 1000) / (clock.monotonic() - start));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

for (let i = 0; i <= rounds; i++) {
  for (const server of servers) await round(server);
  // The first round warms up.
  if (i === 0) for (const { perPut, perSecond } of servers) perPut.length = perSecond.length = 0;
}
for (const { name, perPut, perSecond, sessions } of servers) {
  console.log(
    `${name}: ${median(perPut).toFixed(0)} us of processor time a put, ${median(perSecond).toFixed(0)} puts/s with ${inFlight} in flight`,
  );
  for (const session of sessions) session.destroy();
}
