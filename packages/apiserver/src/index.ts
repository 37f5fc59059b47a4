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
export { liveKeySource } from './pki/live-key-source.ts';
export type { ApiObject, RequestContext, ResourceDefinition, Strategy, Subresource } from './registry/definition.ts';
export type { Cells, KindHooks } from './registry/kind-hooks.ts';
export { ApiServer, type ApiServerOptions, type PathHandler } from './server/api-server.ts';
export { connect, type ConnectOptions } from './server/connect.ts';
export { createApiServer, type CreateApiServerOptions } from './server/create-api-server.ts';
export type { HealthCheck, VersionInfo } from './server/health.ts';
export { serverPaths, type ServerPathOptions } from './server/paths.ts';
export { namespaceLifecycle } from './admission/namespace-lifecycle.ts';
export { RbacAuthorizer } from './authorization/rbac.ts';
export { bootstrap } from './bootstrap/bootstrap.ts';
export { type ActionDefinition, Resources } from './server/resources.ts';
export { compactPeriodically, type CompactorOptions } from './storage/compactor.ts';
export { EmbeddedStorage } from './storage/embedded.ts';
export { steppedStorage } from './storage/stepped.ts';
export type { Storage, StorageChange, Stored, WatchSink } from './storage/storage.ts';
export { type HttpListener, type HttpListenerOptions, listenHttp } from './transport/http-listener.ts';
export { defaultStorageClass, defaultTolerationSeconds, priority } from './admission/pod-defaults.ts';
export { roleEscalation } from './admission/role-escalation.ts';
export { serviceAccountAdmission } from './admission/service-account.ts';
export { ServiceAccountTokens } from './authentication/service-account-tokens.ts';
export { kindHooks } from './kinds/kinds.ts';
export { cellsOf } from './printers/cells.ts';
export { accessReviews } from './reviews/access-reviews.ts';
export { authenticationReviews } from './reviews/authentication-reviews.ts';
export { builtInSubresources } from './subresources/built-in.ts';
export { scaleSubresource } from './subresources/scale.ts';
export { NodeAuthorizer } from './authorization/node.ts';
export { type NodeConnection, podLog } from './subresources/pod-log.ts';
export { CustomResources } from './server/custom-resources.ts';
export { customResourceDefinitionHooks } from './crd/custom-resource-definition.ts';
