import { ClusterRoleAggregationController } from './clusterroleaggregation/cluster-role-aggregation-controller.ts';
import type { ControllerDescriptor } from './controller/context.ts';
import { DeploymentController } from './deployment/deployment-controller.ts';
import { EndpointsController } from './endpoint/endpoints-controller.ts';
import { EndpointSliceController } from './endpointslice/endpoint-slice-controller.ts';
import { GarbageCollector } from './garbagecollector/garbage-collector.ts';
import { NamespaceController } from './namespace/namespace-controller.ts';
import { ReplicaSetController } from './replicaset/replica-set-controller.ts';
import { RootCaPublisher } from './root-ca-publisher/root-ca-publisher.ts';
import { ServiceAccountsController } from './serviceaccount/service-accounts-controller.ts';
import { StatefulSetController } from './statefulset/stateful-set-controller.ts';
import { PersistentVolumeController } from './volume/persistentvolume/persistent-volume-controller.ts';

/**
 * Every controller, by upstream's names and service accounts (cmd/kube-controller-manager/names, pkg/controller/…). Order does not
 * matter to them.
 */
export const controllers: readonly ControllerDescriptor[] = [
  { name: 'namespace-controller', serviceAccount: 'namespace-controller', start: (context) => new NamespaceController(context) },
  {
    name: 'serviceaccount-controller',
    serviceAccount: 'service-account-controller',
    start: (context) => new ServiceAccountsController(context),
  },
  {
    name: 'root-ca-certificate-publisher-controller',
    serviceAccount: 'root-ca-cert-publisher',
    start: (context) => new RootCaPublisher(context),
  },
  { name: 'replicaset-controller', serviceAccount: 'replicaset-controller', start: (context) => new ReplicaSetController(context) },
  { name: 'deployment-controller', serviceAccount: 'deployment-controller', start: (context) => new DeploymentController(context) },
  { name: 'statefulset-controller', serviceAccount: 'statefulset-controller', start: (context) => new StatefulSetController(context) },
  { name: 'endpoints-controller', serviceAccount: 'endpoint-controller', start: (context) => new EndpointsController(context) },
  {
    name: 'endpointslice-controller',
    serviceAccount: 'endpointslice-controller',
    start: (context) => new EndpointSliceController(context),
  },
  {
    name: 'persistentvolume-binder-controller',
    serviceAccount: 'persistent-volume-binder',
    start: (context) => new PersistentVolumeController(context),
  },
  {
    name: 'clusterrole-aggregation-controller',
    serviceAccount: 'clusterrole-aggregation-controller',
    start: (context) => new ClusterRoleAggregationController(context),
  },
  { name: 'garbage-collector-controller', serviceAccount: 'generic-garbage-collector', start: (context) => new GarbageCollector(context) },
];

/**
 * Which of `known` the list names, as `--controllers` does: `*` stands for all, `name` for one, `-name` for all but it. Throws
 * RangeError for a name that does not exist.
 */
export function selectControllers(known: readonly ControllerDescriptor[], list: readonly string[]): readonly ControllerDescriptor[] {
  for (const entry of list) {
    const name = entry.startsWith('-') ? entry.slice(1) : entry;
    if (name !== '*' && !known.some((descriptor) => descriptor.name === name))
      throw new RangeError(`"${name}" is not in the list of known controllers`);
  }
  return known.filter(({ name }) => !list.includes(`-${name}`) && (list.includes(name) || list.includes('*')));
}
