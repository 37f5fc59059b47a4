import { builtInTypes } from '@coracle/api';
import type { AdmissionPlugin } from './admission/admission.ts';
import { namespaceLifecycle } from './admission/namespace-lifecycle.ts';
import { nodeRestriction } from './admission/node-restriction.ts';
import { defaultStorageClass, defaultTolerationSeconds, priority } from './admission/pod-defaults.ts';
import { roleEscalation } from './admission/role-escalation.ts';
import { serviceAccountAdmission } from './admission/service-account.ts';
import { type Authenticator, certificateAuthenticator, firstOf } from './authentication/authenticator.ts';
import { ServiceAccountTokens } from './authentication/service-account-tokens.ts';
import { type Authorizer, privilegedGroupAuthorizer, unionAuthorizer } from './authorization/authorizer.ts';
import { NodeAuthorizer } from './authorization/node.ts';
import { NodeGraph } from './authorization/node-graph.ts';
import { RbacAuthorizer } from './authorization/rbac.ts';
import { bootstrap } from './bootstrap/bootstrap.ts';
import { keepKubernetesService, type KubernetesServiceOptions, tryKubernetesService } from './kubernetes-service.ts';
import { accessReviews } from './reviews/access-reviews.ts';
import { authenticationReviews } from './reviews/authentication-reviews.ts';
import type { ApiServer, ApiServerOptions } from './server/api-server.ts';
import { createApiServer } from './server/create-api-server.ts';
import { CustomResources } from './server/custom-resources.ts';
import { serverPaths } from './server/paths.ts';
import { protobufForm } from './server/protobuf.ts';
import { builtInSubresources } from './subresources/built-in.ts';
import { type NodeConnection, podLog } from './subresources/pod-log.ts';
import { kubernetesVersion } from './version.ts';

export interface KubeApiServerOptions
  extends Pick<ApiServerOptions, 'process' | 'storage' | 'interleave' | 'serverAddress' | 'onAuthorized'> {
  /** PEM; signs the tokens of service accounts. */
  readonly serviceAccountKey: string;
  /** Besides client certificates and tokens of service accounts. */
  readonly authenticators?: readonly Authenticator[];
  /** --disable-admission-plugins, by name. */
  readonly disabledAdmission?: readonly string[];
  /** --advertise-address, for the endpoints of the Service `default/kubernetes`: an IPv4 address, not of loopback. */
  readonly advertiseAddress?: string;
  /** How logs are asked for; without it no node answers. */
  readonly nodes?: NodeConnection;
}

/**
 * Between /readyz and what comes after it, which takes the processor for a tenth of a second at a start: those who wait for the server are
 * answered first. Upstream looks every 100 ms whether it is ready.
 */
const readyPauseMs = 20;

/** Issuer and audience of the tokens of service accounts (--service-account-issuer). */
const issuer = 'https://kubernetes.default.svc';

/**
 * The API server with everything that it has: built-in kinds and custom resources, authentication, RBAC, admission (upstream
 * cmd/kube-apiserver/app/server.go, the server chain). Nothing listens and nothing is stored before `start`.
 */
export class KubeApiServer {
  readonly server: ApiServer;
  readonly #rbac: RbacAuthorizer;
  readonly #nodeGraph: NodeGraph;
  readonly #customResources: CustomResources;
  readonly #service: KubernetesServiceOptions;
  #isReady = false;

  constructor(options: KubeApiServerOptions) {
    const { serviceAccountKey, authenticators = [], disabledAdmission = [], nodes = () => undefined, advertiseAddress, ...rest } = options;
    const { process, storage } = options;
    this.#rbac = new RbacAuthorizer({ storage, process });
    this.#nodeGraph = new NodeGraph({ storage, process });
    const tokens = new ServiceAccountTokens({
      issuer,
      privateKey: serviceAccountKey,
      storage,
      clock: process.clock,
      random: process.random,
    });
    const authenticator = firstOf([certificateAuthenticator, ...authenticators, tokens]);
    const authorizer = defaultAuthorizer(this.#rbac, this.#nodeGraph);
    this.server = createApiServer({
      ...rest,
      protobuf: protobufForm(builtInTypes),
      authenticator,
      authorizer,
      admission: defaultAdmission(this.#rbac, authorizer).filter(({ name }) => !disabledAdmission.includes(name)),
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
    this.#service = {
      server: this.server,
      serverAddress: () => options.serverAddress?.() ?? '',
      ...(advertiseAddress === undefined ? {} : { advertiseAddress }),
    };
  }

  /** Writes what a fresh server holds and is not there yet; then /readyz is ok, and the Service `default/kubernetes` follows. */
  async start(): Promise<void> {
    await bootstrap(this.server);
    await this.#rbac.start();
    await this.#customResources.start();
    this.#isReady = true;
    await this.#keepService();
  }

  /** Once the server is ready, as upstream's controller does. A server that does not listen, as in a simulation, has no Service. */
  async #keepService(): Promise<void> {
    const { process } = this.server;
    if (this.#service.serverAddress() === '') return;
    await process.clock.sleep(readyPauseMs);
    await tryKubernetesService(this.#service, process);
    process.spawn('kubernetes service', (signal) => keepKubernetesService(this.#service, process, signal));
  }

  /** Not ready, and follows the store no longer: what is still asked is judged by the roles of now. */
  stop(): void {
    this.#isReady = false;
    this.#customResources.stop();
    this.#nodeGraph.stop();
    this.#rbac.stop();
  }
}

/** Of every server, in order (--authorization-mode=Node,RBAC). */
function defaultAuthorizer(rbac: RbacAuthorizer, graph: NodeGraph): Authorizer {
  return unionAuthorizer([privilegedGroupAuthorizer, new NodeAuthorizer({ rbac, graph }), rbac]);
}

/** The plug-ins that are on by default, in upstream's order (pkg/kubeapiserver/options/plugins.go); docs/status.md lists those not built. */
function defaultAdmission(rbac: RbacAuthorizer, authorizer: Authorizer): readonly AdmissionPlugin[] {
  return [
    namespaceLifecycle,
    serviceAccountAdmission,
    nodeRestriction(authorizer),
    defaultTolerationSeconds,
    priority,
    defaultStorageClass,
    roleEscalation({ rbac, authorizer }),
  ];
}
