export { type Admission, admissionChain, type AdmissionPlugin, type AdmissionRequest } from './admission/admission.ts';
export {
  type Authenticator,
  certificateAuthenticator,
  type Credentials,
  firstOf,
  type PeerCertificate,
} from './authentication/authenticator.ts';
export { anonymous, authenticated, mastersGroup, type UserInfo } from './authentication/user.ts';
export { type Attributes, type Authorizer, type Decision, privilegedGroupAuthorizer, unionAuthorizer } from './authorization/authorizer.ts';
export { createCertificate, type KeyPair, type KeySource, type Subject } from './pki/certificate.ts';
export { fixtureKeySource, isFixtureKey } from './pki/fixture-key-source.ts';
export { liveKeySource } from './pki/live-key-source.ts';
export type { ApiObject, RequestContext, ResourceDefinition, Strategy, Subresource } from './registry/definition.ts';
export type { Cells, KindHooks } from './registry/kind-hooks.ts';
export { ApiServer, type ApiServerOptions, type PathHandler } from './server/api-server.ts';
export { connect, type ConnectOptions } from './server/connect.ts';
export { KubeApiServer, type KubeApiServerOptions } from './kube-apiserver.ts';
export { createApiServer, type CreateApiServerOptions } from './server/create-api-server.ts';
export type { HealthCheck, VersionInfo } from './server/health.ts';
export { priority } from './admission/pod-defaults.ts';
export { RbacAuthorizer } from './authorization/rbac.ts';
export { bootstrap } from './bootstrap/bootstrap.ts';
export { type ActionDefinition, Resources } from './server/resources.ts';
export { compactPeriodically, type CompactorOptions } from './storage/compactor.ts';
export { EmbeddedStorage } from './storage/embedded.ts';
export { Etcd3Storage, type Etcd3StorageOptions } from './storage/etcd3.ts';
export { steppedStorage } from './storage/stepped.ts';
export type { Storage, StorageChange, Stored, WatchSink } from './storage/storage.ts';
export { type HttpListener, type HttpListenerOptions, listenHttp } from './transport/http-listener.ts';
export { ServiceAccountTokens } from './authentication/service-account-tokens.ts';
export { kindHooks } from './kinds/kinds.ts';
export { builtInSubresources } from './subresources/built-in.ts';
export type { NodeConnection } from './subresources/pod-log.ts';
export { kubernetesVersion } from './version.ts';
