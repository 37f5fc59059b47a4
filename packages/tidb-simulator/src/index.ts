import type { TidbProgram } from './container.ts';
import { discoveryProgram } from './discovery.ts';
import { pdProgram } from './pd.ts';
import { tidbProgram } from './tidb.ts';
import { tikvProgram } from './tikv.ts';

export type { TidbContainer, TidbProgram } from './container.ts';

/** The programs by image repository, any tag: for a kubelet's registry of programs. */
export function tidbPrograms(): ReadonlyMap<string, TidbProgram> {
  return new Map([
    ['pingcap/pd', pdProgram],
    ['pingcap/tikv', tikvProgram],
    ['pingcap/tidb', tidbProgram],
    ['pingcap/tidb-operator', discoveryProgram],
  ]);
}
