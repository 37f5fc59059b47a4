import { Clientset, httpTransport } from '@coracle/client';
import { followTidbCluster, SimulatedCluster } from '@coracle/cluster';
import { LiveRuntime } from '@coracle/kernel';
import { applyBasic, basic, becomeReady } from './basic-tidb-cluster.ts';
import { type Benchmark, inRounds, medians, ownCpuUs } from './benchmark.ts';
import { freshBundle } from './fresh-bundle.ts';

const liveRounds = 3;
const simulatedRounds = 5;
const readyWithinMs = 60_000;

export const tidbReady: Benchmark = {
  name: 'tidb-ready',
  summary: 'from the apply of the basic TidbCluster until it is ready: in the bundle, where probes and programs take their time',
  async run(report) {
    let durable = false;
    const results = await inRounds(liveRounds, async () => {
      await using fresh = await freshBundle();
      durable = fresh.durable;
      const { bundle } = fresh;
      await using process = new LiveRuntime().process('bench');
      await using transport = httpTransport({ process, config: bundle.config });
      const clientset = new Clientset({ process, transport });
      const [serverUs, startedMs] = [bundle.cpuUs(), performance.now()];
      await applyBasic(clientset);
      await followTidbCluster(clientset, { ...basic, signal: AbortSignal.timeout(readyWithinMs), onProgress: () => undefined });
      return { ms: performance.now() - startedMs, server_cpu_ms: (bundle.cpuUs() - serverUs) / 1000 };
    });
    report({ durable, count: 1, rounds: liveRounds, figures: medians(results) });
  },
};

export const tidbReadySimulated: Benchmark = {
  name: 'tidb-ready-simulated',
  summary: 'from the apply of the basic TidbCluster until it is ready and all is at rest, in virtual time; the first is not counted',
  async run(report) {
    const results = await inRounds(simulatedRounds + 1, async (seed) => {
      const cluster = await SimulatedCluster.start({ seed });
      const { runtime } = cluster;
      const [steps, virtualMs, cpuUs, startedMs] = [runtime.steps, runtime.nowMs, ownCpuUs(), performance.now()];
      await becomeReady(cluster);
      return {
        ms: performance.now() - startedMs,
        cpu_ms: (ownCpuUs() - cpuUs) / 1000,
        virtual_ms: runtime.nowMs - virtualMs,
        steps: runtime.steps - steps,
      };
    });
    report({ durable: false, count: 1, rounds: simulatedRounds, figures: medians(results.slice(1)) });
  },
};
