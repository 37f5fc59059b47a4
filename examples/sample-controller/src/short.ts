import { isControlledBy } from '@coracle/apimachinery';
import { resources } from '@coracle/client';
import {
  ControllerBuilder,
  createOrUpdate,
  type DefinedResource,
  defineResource,
  type Manager,
  s,
  setControllerReference,
} from '@coracle/controller-runtime';

const { deployments } = resources.apps.v1;

const foos = defineResource({
  group: 'samplecontroller.k8s.io',
  version: 'v1alpha1',
  kind: 'Foo',
  spec: s.object({ deploymentName: s.optional(s.string()), replicas: s.optional(s.integer({ minimum: 1, maximum: 10 })) }),
  status: s.object({ availableReplicas: s.integer() }),
});

/** What a cluster has to have first. */
export const fooCrd: DefinedResource<unknown, unknown>['crd'] = foos.crd;

/** The whole controller once more, on controller-runtime. */
export function addFooController(manager: Manager): void {
  const { client, recorder } = manager;
  new ControllerBuilder(manager, foos)
    .owns(deployments)
    .withOptions({ maxConcurrentReconciles: 2 })
    .complete({
      async reconcile(request) {
        const foo = await client.get(foos, request);
        if (foo?.spec.deploymentName === undefined) return; // gone, or of no use before it changes
        const { deploymentName: name, replicas } = foo.spec;
        const { object: deployment } = await createOrUpdate(client, deployments, { namespace: request.namespace, name }, (current) => {
          if (current === undefined)
            return setControllerReference(foo, foos, newDeployment(request.namespace, name, request.name, replicas));
          if (isControlledBy(current, foo)) return { ...current, spec: { ...current.spec, ...(replicas !== undefined && { replicas }) } };
          const message = `Resource "${name}" already exists and is not managed by Foo`;
          recorder.event(foo, 'Warning', 'ErrResourceExists', message);
          throw new Error(message);
        });
        await client.updateStatus(foos, { ...foo, status: { availableReplicas: deployment.status?.availableReplicas ?? 0 } });
        recorder.event(foo, 'Normal', 'Synced', 'Foo synced successfully');
      },
    });
}

function newDeployment(namespace: string, name: string, controller: string, replicas: number | undefined) {
  const labels = { app: 'nginx', controller };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'nginx', image: 'nginx:latest' }] } };
  return {
    metadata: { namespace, name },
    spec: { ...(replicas !== undefined && { replicas }), selector: { matchLabels: labels }, template },
  };
}
