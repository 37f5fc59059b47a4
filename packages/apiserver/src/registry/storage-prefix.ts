/** Where upstream keeps a resource under /registry when that is not its plural name (pkg/kubeapiserver default_storage_factory_builder.go). */
const special: Readonly<Record<string, string>> = {
  '/nodes': 'minions',
  '/services': 'services/specs',
  '/endpoints': 'services/endpoints',
  '/replicationcontrollers': 'controllers',
  'networking.k8s.io/ingresses': 'ingress',
  'apiextensions.k8s.io/customresourcedefinitions': 'apiextensions.k8s.io/customresourcedefinitions',
  'apiregistration.k8s.io/apiservices': 'apiregistration.k8s.io/apiservices',
  'events.k8s.io/events': 'events',
};

/** Prefix of a built-in resource's keys, ending in `/`. */
export function storagePrefix(group: string, resource: string): string {
  return `/registry/${special[`${group}/${resource}`] ?? resource}/`;
}
