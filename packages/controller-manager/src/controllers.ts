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

/** The controllers that there are, by upstream's names and service accounts (cmd/kube-controller-manager/names). */
export const controllers: readonly ControllerDescriptor[] = [
  { name: 'namespace-controller', serviceAccount: 'namespace-controller', start: (context) => new NamespaceController(context) },
  { name: 'serviceaccount-controller', serviceAccount: 'service-account-controller', start: (context) => new ServiceAccountsController(context) },
  { name: 'root-ca-certificate-publisher-controller', serviceAccount: 'root-ca-cert-publisher', start: (context) => new RootCaPublisher(context) },
  { name: 'replicaset-controller', serviceAccount: 'replicaset-controller', start: (context) => new ReplicaSetController(context) },
  { name: 'deployment-controller', serviceAccount: 'deployment-controller', start: (context) => new DeploymentController(context) },
  { name: 'statefulset-controller', serviceAccount: 'statefulset-controller', start: (context) => new StatefulSetController(context) },
  { name: 'endpoints-controller', serviceAccount: 'endpoint-controller', start: (context) => new EndpointsController(context) },
  { name: 'endpointslice-controller', serviceAccount: 'endpointslice-controller', start: (context) => new EndpointSliceController(context) },
  { name: 'garbage-collector-controller', serviceAccount: 'generic-garbage-collector', start: (context) => new GarbageCollector(context) },
];
