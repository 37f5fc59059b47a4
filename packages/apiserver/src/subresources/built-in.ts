import type { ServiceAccountTokens } from '../authentication/service-account-tokens.ts';
import type { Subresource } from '../registry/definition.ts';
import { namespaceFinalize } from './namespace-finalize.ts';
import { notBuilt } from './not-built.ts';
import { podBinding } from './pod-binding.ts';
import { podEviction } from './pod-eviction.ts';
import { workloadScale } from './scale.ts';
import { serviceAccountToken } from './service-account-token.ts';

/** The subresources with handlers of the built-in kinds, by `group/resource`. `podSubresources` need the nodes: log. */
export function builtInSubresources(options: {
  tokens(): ServiceAccountTokens;
  readonly podSubresources?: readonly Subresource[];
}): Readonly<Record<string, readonly Subresource[]>> {
  return {
    '/namespaces': [namespaceFinalize],
    '/nodes': [notBuilt('proxy')],
    '/pods': [
      podBinding,
      podEviction,
      ...(options.podSubresources ?? []),
      ...['attach', 'ephemeralcontainers', 'exec', 'portforward', 'proxy', 'resize'].map(notBuilt),
    ],
    '/replicationcontrollers': [workloadScale],
    '/serviceaccounts': [serviceAccountToken(() => options.tokens())],
    '/services': [notBuilt('proxy')],
    'apps/deployments': [workloadScale],
    'apps/replicasets': [workloadScale],
    'apps/statefulsets': [workloadScale],
    'certificates.k8s.io/certificatesigningrequests': [notBuilt('approval')],
  };
}
