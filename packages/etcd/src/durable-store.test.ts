import { storeContract } from './contract/store-contract.ts';
import { SimulatedDisk } from './disk/simulated-disk.ts';
import { openDurableStore } from './open.ts';

storeContract('DurableStore', (process, runtime) => {
  const disk = new SimulatedDisk({ random: runtime.random.fork('disk') });
  return openDurableStore({ process, disk: disk.attach(process), segmentBytes: 65536, firstSegmentBytes: 65536, reserveBytes: 4096 });
});
