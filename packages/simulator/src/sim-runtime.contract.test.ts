import { runtimeContract } from '@coracle/kernel/contract';
import { SimRuntime } from './sim-runtime.ts';
import { fifo, lagging, pct, uniform } from './strategy.ts';

for (const strategy of [fifo, uniform, () => pct({ depth: 3, steps: 20 }), () => lagging(uniform(), { share: 0.3, maxMs: 4 })]) {
  runtimeContract(`SimRuntime ${strategy().name}`, () => {
    const runtime = new SimRuntime({ strategy: strategy() });
    return {
      runtime,
      failures: runtime.failures,
      // Failures are what some of the promises are about; a drive that sees one reports it instead of going on.
      drive: async (work) => {
        for (;;) {
          try {
            return await runtime.drive(work);
          } catch (error) {
            if (!(error instanceof Error && error.name === 'ComponentFailed')) throw error;
          }
        }
      },
    };
  });
}
