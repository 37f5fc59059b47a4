import { builtInTypes } from '@coracle/api';
import type { ApiRequest, ApiResponse, WireHeaders } from '@coracle/apimachinery';
import { MemoryStore } from '@coracle/etcd';
import { SimRuntime } from '@coracle/simulator';
import { namespaceLifecycle } from '../admission/namespace-lifecycle.ts';
import { defaultStorageClass, defaultTolerationSeconds, priority } from '../admission/pod-defaults.ts';
import { roleEscalation } from '../admission/role-escalation.ts';
import { serviceAccountAdmission } from '../admission/service-account.ts';
import { certificateAuthenticator, firstOf } from '../authentication/authenticator.ts';
import { ServiceAccountTokens } from '../authentication/service-account-tokens.ts';
import { mastersGroup } from '../authentication/user.ts';
import { privilegedGroupAuthorizer, unionAuthorizer } from '../authorization/authorizer.ts';
import { NodeAuthorizer } from '../authorization/node.ts';
import { RbacAuthorizer } from '../authorization/rbac.ts';
import { bootstrap } from '../bootstrap/bootstrap.ts';
import { customResourceDefinitionHooks } from '../crd/custom-resource-definition.ts';
import { kindHooks } from '../kinds/kinds.ts';
import { liveKeySource } from '../pki/live-key-source.ts';
import { cellsOf } from '../printers/cells.ts';
import { accessReviews } from '../reviews/access-reviews.ts';
import { authenticationReviews } from '../reviews/authentication-reviews.ts';
import type { ApiServer } from '../server/api-server.ts';
import { createApiServer } from '../server/create-api-server.ts';
import { CustomResources } from '../server/custom-resources.ts';
import { serverPaths } from '../server/paths.ts';
import { EmbeddedStorage } from '../storage/embedded.ts';
import { builtInSubresources } from '../subresources/built-in.ts';
import { podLog } from '../subresources/pod-log.ts';

/** The token of a member of system:masters. */
export const adminToken = 'admin-token';

const issuer = 'https://kubernetes.default.svc';
const { privateKey } = liveKeySource.keyPair();

/** An API server with everything that it has, in virtual time and without controllers, asked as a listener asks it. */
export class WholeServer {
  readonly runtime: SimRuntime;
  readonly store: MemoryStore;
  readonly server: ApiServer;
  readonly #rbac: RbacAuthorizer;
  readonly #customResources: CustomResources;

  constructor(runtime: SimRuntime, store: MemoryStore) {
    const process = runtime.process('kube-apiserver');
    const storage = new EmbeddedStorage(store);
    this.runtime = runtime;
    this.store = store;
    this.#rbac = new RbacAuthorizer({ storage });
    const tokens = new ServiceAccountTokens({ issuer, privateKey, storage, clock: process.clock, random: process.random });
    const authenticator = firstOf([certificateAuthenticator, { authenticate: async ({ headers }) => adminOf(headers) }, tokens]);
    const authorizer = unionAuthorizer([privilegedGroupAuthorizer, new NodeAuthorizer(this.#rbac), this.#rbac]);
    this.server = createApiServer({
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
      subresources: builtInSubresources({ tokens: () => tokens, podSubresources: [podLog(() => undefined)] }),
      actions: [...authenticationReviews(() => authenticator, [issuer]), ...accessReviews(authorizer)],
      paths: serverPaths({ table: builtInTypes, version, ready: [], resources: () => this.server.resources }),
      serverAddress: () => '127.0.0.1:6443',
    });
    this.#customResources = new CustomResources({ server: this.server, table: builtInTypes });
  }

  /** `isFresh`: what every server holds from the start is not there yet. */
  async start({ isFresh }: { readonly isFresh: boolean }): Promise<void> {
    if (isFresh) await bootstrap(this.server);
    await this.#rbac.start();
    await this.#customResources.start();
  }

  stop(): void {
    this.#customResources.stop();
    this.#rbac.stop();
  }

  /** Sends bytes and gets bytes, as over a connection without a client certificate. */
  ask(request: ApiRequest, signal: AbortSignal = new AbortController().signal): Promise<ApiResponse> {
    return this.runtime.drive(this.server.serve(request, { headers: request.headers }, { signal }));
  }
}

const version = {
  major: '1',
  minor: '37',
  emulationMajor: '1',
  emulationMinor: '37',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '36',
  gitVersion: 'v1.37.2',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: '',
};

function adminOf(headers: WireHeaders): { readonly name: string; readonly uid: string; readonly groups: readonly string[] } | undefined {
  return headers['authorization'] === `Bearer ${adminToken}` ? { name: 'admin', uid: 'admin', groups: [mastersGroup] } : undefined;
}

/** A moment that no recording names. */
const startMs = Date.UTC(2026, 6, 9, 8, 7, 6);

let prepared: MemoryStore | undefined;

/** A server of its own, whose store is a fork of one that was bootstrapped once. */
export async function startWholeServer(seed = 1): Promise<WholeServer> {
  if (prepared === undefined) {
    const first = new WholeServer(new SimRuntime({ seed: 0, startMs }), new MemoryStore());
    await first.runtime.drive(first.start({ isFresh: true }));
    first.stop();
    prepared = first.store;
  }
  const runtime = new SimRuntime({ seed, startMs });
  const whole = new WholeServer(runtime, prepared.fork(runtime.process('store')) as MemoryStore); // a fork is in memory
  await runtime.drive(whole.start({ isFresh: false }));
  return whole;
}
