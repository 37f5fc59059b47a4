/** What a package is, and what it may import. */
export interface PackageRow {
  /** Of this repository's packages, by folder name. */
  readonly mayImport: readonly string[];
  /** Which of Node's modules: `raft` is a pure state machine and sees none. */
  readonly node: 'none' | 'any';
}

const toolkit = ['apimachinery', 'api', 'client', 'kernel'];
const components = ['controller-manager', 'scheduler', 'kubelet', 'controller-runtime', 'tidb-operator', 'tidb-simulator'];

/** The table of docs/ARCHITECTURE.md. An import that it does not allow is a change of architecture: change both, with a note in docs/designs. */
export const packageTable: Readonly<Record<string, PackageRow>> = {
  raft: { mayImport: [], node: 'none' },
  kernel: { mayImport: [], node: 'any' },
  http2: { mayImport: ['kernel'], node: 'any' },
  etcd: { mayImport: ['raft', 'kernel', 'http2'], node: 'any' },
  apimachinery: { mayImport: ['kernel'], node: 'any' },
  api: { mayImport: ['apimachinery', 'kernel'], node: 'any' },
  client: { mayImport: ['apimachinery', 'api', 'kernel'], node: 'any' },
  apiserver: { mayImport: ['apimachinery', 'api', 'kernel', 'etcd', 'http2'], node: 'any' },
  'controller-runtime': { mayImport: toolkit, node: 'any' },
  'controller-manager': { mayImport: toolkit, node: 'any' },
  scheduler: { mayImport: toolkit, node: 'any' },
  kubelet: { mayImport: toolkit, node: 'any' },
  'tidb-operator': { mayImport: [...toolkit, 'controller-runtime', 'etcd'], node: 'any' },
  'tidb-simulator': { mayImport: ['kubelet', 'kernel', 'etcd'], node: 'any' },
  simulator: { mayImport: ['kernel'], node: 'any' },
  cluster: { mayImport: [...toolkit, ...components, 'apiserver', 'etcd', 'simulator'], node: 'any' },
  testing: { mayImport: ['cluster', 'simulator', 'client', 'api', 'apimachinery', 'kernel'], node: 'any' },
  cli: { mayImport: ['cluster', 'testing', 'client', 'api', 'apimachinery', 'etcd', 'kernel'], node: 'any' },
  coracle: { mayImport: ['cluster', 'testing', 'cli'], node: 'any' },
};

/** Where an allowed import is narrower than the package: the folders or files of `package` that may import `of`, other than its types. */
export const narrowed: readonly { readonly package: string; readonly of: string; readonly from: readonly string[] }[] = [
  { package: 'apiserver', of: 'etcd', from: ['src/storage/embedded', 'src/storage/etcd3', 'src/index.ts'] },
];
