// Elections that the coordinator of a real API server decides, in about two minutes:
//   node --conditions=coracle-source packages/client/tools/coordinated-election.ts
// The server is that of $KUBECONFIG, started with --feature-gates=CoordinatedLeaderElection=true and
// --runtime-config=coordination.k8s.io/v1beta1=true. Ends with 1 when two lead at once, or not the one who should.
import { LiveRuntime, type Process } from '@coracle/kernel';
import {
  Clientset,
  DeferredLoadingClientConfig,
  httpTransport,
  LeaderElector,
  LeaseCandidate,
  leaseCandidates,
  LeaseLock,
  liveHost,
  LoadingRules,
} from '../src/index.ts';

const namespace = 'default';
const runtime = new LiveRuntime();
const main = runtime.process('coordinated-election');
const config = new DeferredLoadingClientConfig({
  rules: new LoadingRules({ host: liveHost(), log: main.log }),
  log: main.log,
}).clientConfig();
await using transport = httpTransport({ process: main, config });
const clientset = new Clientset({ process: main, transport });
const leaseName = `election-${main.random.suffix(5)}`;
const leading = new Set<string>();
const startedMs = main.clock.monotonic();

function say(what: string): void {
  console.log(`${((main.clock.monotonic() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${what}`);
}

/** Offers itself, and competes until it is told to stop. */
class Contender {
  readonly #process: Process;
  readonly #stop = new AbortController();
  readonly #tasks: readonly { readonly done: Promise<void> }[];

  constructor(name: string, options: { readonly emulates: string; readonly givesBack?: boolean; readonly competes?: boolean }) {
    const { emulates, givesBack = false, competes = true } = options;
    this.#process = runtime.process(name);
    const { signal } = this.#stop;
    const identity = `${leaseName}-${name}`;
    const offer = { clientset, namespace, name: identity, leaseName, binaryVersion: '1.37.0', emulationVersion: emulates };
    const candidate = new LeaseCandidate(offer);
    const lock = new LeaseLock({ clientset, namespace, name: leaseName, identity });
    const compete = async (): Promise<void> => {
      while (!signal.aborted) {
        const elector = new LeaderElector({
          process: this.#process,
          lock,
          coordinated: true,
          releaseOnCancel: givesBack,
          async onStartedLeading(ended) {
            leading.add(name);
            say(`${[...leading].join(' and ')} leads`);
            if (leading.size > 1) throw new Error('two lead at once');
            await new Promise<void>((resolve) => ended.addEventListener('abort', () => resolve(), { once: true }));
            leading.delete(name);
            say(`${name} leads no more`);
          },
          onStoppedLeading: () => undefined,
        });
        await elector.run(signal);
      }
    };
    say(`${name} offers itself, and behaves as ${emulates}${competes ? '' : '; it will not take the lease'}`);
    this.#tasks = [
      this.#process.spawn('candidate', () => candidate.run(signal)),
      ...(competes ? [this.#process.spawn('elections', compete)] : []),
    ];
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('stopping'));
    await Promise.all(this.#tasks.map(({ done }) => done));
  }
}

/** Waits until `isSo`; ends the program when that takes more than `limitMs`. */
async function until(what: string, limitMs: number, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const sinceMs = main.clock.monotonic();
  while (!(await isSo())) {
    if (main.clock.monotonic() - sinceMs > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`);
    await main.clock.sleep(50);
  }
  say(`after ${((main.clock.monotonic() - sinceMs) / 1000).toFixed(1)} s: ${what}`);
}

const leads = (name: string): boolean => leading.size === 1 && leading.has(name);

const newer = new Contender('newer', { emulates: '1.37.0', givesBack: true });
await until('the only one leads', 60_000, () => leads('newer'));
const older = new Contender('older', { emulates: '1.36.0' });
await until('the one with the oldest emulated version leads', 60_000, () => leads('older'));
say('older stops, and gives nothing back');
await older.stop();
await until('the other leads again', 90_000, () => leads('newer'));
await newer.stop();
const holder = new Contender('holder', { emulates: '1.36.0' });
await until('a third leads', 90_000, () => leads('holder'));
const absent = new Contender('absent', { emulates: '1.35.0', competes: false });
const lease = clientset.coordinationV1.leases(namespace);
const candidates = clientset.resource(leaseCandidates, namespace);
await until('the lease is asked back', 60_000, async () => (await lease.get(leaseName)).spec?.preferredHolder === `${leaseName}-absent`);
await absent.stop();
await candidates.delete(`${leaseName}-absent`);
say('absent is gone before it was given the lease');
await until('the holder has given it up', 30_000, () => leading.size === 0);
await until('the holder leads again', 90_000, () => leads('holder'));
await holder.stop();
await lease.delete(leaseName);
for (const name of ['newer', 'older', 'holder']) await candidates.delete(`${leaseName}-${name}`);
