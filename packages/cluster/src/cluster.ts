import { builtInTypes } from '@coracle/api';
import {
  accessReviews,
  type ApiServer,
  type Attributes,
  authenticationReviews,
  type Authenticator,
  bootstrap,
  builtInSubresources,
  cellsOf,
  certificateAuthenticator,
  compactPeriodically,
  type CompactorOptions,
  connect,
  createApiServer,
  customResourceDefinitionHooks,
  CustomResources,
  defaultStorageClass,
  defaultTolerationSeconds,
  firstOf,
  kindHooks,
  mastersGroup,
  namespaceLifecycle,
  NodeAuthorizer,
  type NodeConnection,
  podLog,
  priority,
  privilegedGroupAuthorizer,
  RbacAuthorizer,
  roleEscalation,
  serverPaths,
  serviceAccountAdmission,
  ServiceAccountTokens,
  type Storage,
  unionAuthorizer,
  type UserInfo,
} from '@coracle/apiserver';
import { Clientset } from '@coracle/client';
import type { Process, Runtime } from '@coracle/kernel';
import { kubernetesVersion } from './version.ts';

export interface ClusterOptions {
  /** Live or simulated: the only source of time, chance and waiting of all components. */
  readonly runtime: Runtime;
  readonly storage: Storage;
  /** `storage`: requests interleave at every operation of the store (simulation only; slower). */
  readonly interleave?: 'requests' | 'storage';
  /** Besides client certificates and tokens of service accounts. */
  readonly authenticators?: readonly Authenticator[];
  /** PEM; signs the tokens of service accounts. */
  readonly serviceAccountKey: string;
  /** Where the server listens, for what it tells clients; '' while it does not. */
  serverAddress?(): string;
  /** How logs are asked for; without it no node answers. */
  readonly nodes?: NodeConnection;
  /** --etcd-compaction-interval; 0 keeps every revision. Default: 5 minutes live, 0 in simulation. */
  readonly compactionIntervalMs?: number;
  readonly onAuthorized?: (attributes: Attributes, reason: string) => void;
}

const defaultCompactionIntervalMs = 300_000;

/** Issuer and audience of the tokens of service accounts (--service-account-issuer). */
const issuer = 'https://kubernetes.default.svc';

/** A component of a cluster: something that runs until it is stopped, as a client. */
export interface Component {
  readonly name: string;
  readonly user: UserInfo;
  run(part: { readonly process: Process; readonly clientset: Clientset }): Promise<void>;
}

/**
 * One control plane: the API server and whatever runs against it. The only place that knows all parts. Ten of them run in one
 * process without seeing each other.
 */
export class Cluster {
  readonly runtime: Runtime;
  readonly server: ApiServer;
  /** A member of system:masters: for whoever made the cluster. */
  readonly admin: Clientset;
  readonly #rbac: RbacAuthorizer;
  readonly #customResources: CustomResources;
  readonly #processes: Process[] = [];
  readonly #compactor: CompactorOptions;
  #isReady = false;

  constructor(options: ClusterOptions) {
    const { runtime, storage, authenticators = [], serviceAccountKey, nodes = () => undefined, compactionIntervalMs, ...rest } = options;
    this.runtime = runtime;
    this.#rbac = new RbacAuthorizer({ storage });
    const process = this.#process('kube-apiserver');
    this.#compactor = { process, storage, intervalMs: compactionIntervalMs ?? (runtime.simulated ? 0 : defaultCompactionIntervalMs) };
    const tokens = new ServiceAccountTokens({
      issuer,
      privateKey: serviceAccountKey,
      storage,
      clock: process.clock,
      random: process.random,
    });
    const authenticator = firstOf([certificateAuthenticator, ...authenticators, tokens]);
    const authorizer = unionAuthorizer([privilegedGroupAuthorizer, new NodeAuthorizer(this.#rbac), this.#rbac]);
    this.server = createApiServer({
      ...rest,
      process,
      storage,
      table: builtInTypes,
      hooks: { ...kindHooks, 'apiextensions.k8s.io/customresourcedefinitions': customResourceDefinitionHooks(builtInTypes) },
      cells: cellsOf,
      authenticator,
      authorizer,
      admission: [
        namespaceLifecycle,
        serviceAccountAdmission,
        defaultTolerationSeconds,
        priority,
        defaultStorageClass,
        roleEscalation({ rbac: this.#rbac, authorizer }),
      ],
      subresources: builtInSubresources({ tokens: () => tokens, podSubresources: [podLog(nodes)] }),
      actions: [...authenticationReviews(() => authenticator, [issuer]), ...accessReviews(authorizer)],
      paths: serverPaths({
        table: builtInTypes,
        version: kubernetesVersion,
        ready: [{ name: 'poststarthook/rbac/bootstrap-roles', check: () => (this.#isReady ? undefined : 'not written yet') }],
        resources: () => this.server.resources,
      }),
    });
    this.#customResources = new CustomResources({ server: this.server, table: builtInTypes });
    this.admin = this.clientset('admin', { name: 'kubernetes-admin', groups: [mastersGroup] });
  }

  /** Writes what a fresh server holds. Afterwards /readyz is ok. */
  async start(): Promise<void> {
    await bootstrap(this.server);
    await this.#rbac.start();
    await this.#customResources.start();
    const { process, intervalMs } = this.#compactor;
    if (intervalMs > 0) process.spawn('compactor', (signal) => compactPeriodically(this.#compactor, signal));
    this.#isReady = true;
  }

  /** A client of its own process and identity. */
  clientset(name: string, user: UserInfo): Clientset {
    return this.clientsetIn(this.#process(name), user);
  }

  /** A client with another identity of a process that there is: the controllers share one and have each their own account. */
  clientsetIn(process: Process, user: UserInfo): Clientset {
    return new Clientset({ process, transport: connect(this.server, { process, user, userAgent: `${process.name}/coracle` }) });
  }

  /** Starts a component in a process of its own; stop the process to stop it. */
  run(component: Component): Process {
    const clientset = this.clientset(component.name, component.user);
    const { process } = clientset;
    process.spawn(component.name, () => component.run({ process, clientset }));
    return process;
  }

  /** Components first, in reverse order of their start; the server last. */
  async stop(): Promise<void> {
    this.#isReady = false;
    for (const process of this.#processes.splice(0).reverse()) await process.stop();
    this.#customResources.stop();
    this.#rbac.stop();
  }

  #process(name: string): Process {
    const process = this.runtime.process(name);
    this.#processes.push(process);
    return process;
  }
}
