import type { KubeObject } from '@coracle/apimachinery';
import { resources, type ResourceHandle, type SharedInformerFactory } from '@coracle/client';
import type { TidbCluster } from './api/types.ts';
import { claimNames, memberName, namespaceOf, peerServiceName, podName } from './plan/names.ts';
import { configMap } from './plan/objects.ts';
import type { ClusterObjects, ComponentName } from './plan/state.ts';

const components: readonly ComponentName[] = ['pd', 'tikv', 'tidb'];

/** Reads a cluster's objects out of the caches, by the names that they must have. */
export class ClusterObserver {
  readonly #informers: SharedInformerFactory;

  constructor(informers: SharedInformerFactory) {
    this.#informers = informers;
    // Asked for here, so that they are filled before the first sync.
    for (const handle of [
      resources.core.v1.serviceAccounts,
      resources.rbac.v1.roles,
      resources.rbac.v1.roleBindings,
      resources.apps.v1.deployments,
      resources.apps.v1.statefulSets,
      resources.core.v1.services,
      resources.core.v1.configMaps,
      resources.core.v1.pods,
      resources.core.v1.persistentVolumeClaims,
      resources.core.v1.persistentVolumes,
    ] as const) {
      informers.forResource<KubeObject>(handle);
    }
  }

  /** What there is of the objects of `tc`. */
  objects(tc: TidbCluster): ClusterObjects {
    const discovery = [memberName(tc, 'discovery')];
    const members = components.map((component) => memberName(tc, component));
    const statefulSets = this.#named(tc, resources.apps.v1.statefulSets, members);
    const ordinals = components.flatMap((component) => {
      // One beyond the last: a scale-out looks at the claim of the ordinal that comes next.
      const count = (statefulSets.get(memberName(tc, component))?.spec?.replicas ?? 0) + 1;
      return Array.from({ length: count }, (_, ordinal) => ({ component, ordinal }));
    });
    const claims = this.#named(
      tc,
      resources.core.v1.persistentVolumeClaims,
      ordinals.flatMap((one) => claimNames(tc, one.component, one.ordinal)),
    );
    const volumes = this.#informers.forResource(resources.core.v1.persistentVolumes).lister;
    const bound = [...claims.values()].flatMap((claim) => volumes.get(claim.spec?.volumeName ?? '') ?? []);
    return {
      statefulSets,
      claims,
      volumes: new Map(bound.map((volume) => [volume.metadata?.name ?? '', volume])),
      serviceAccounts: this.#named(tc, resources.core.v1.serviceAccounts, discovery),
      roles: this.#named(tc, resources.rbac.v1.roles, discovery),
      roleBindings: this.#named(tc, resources.rbac.v1.roleBindings, discovery),
      deployments: this.#named(tc, resources.apps.v1.deployments, discovery),
      services: this.#named(tc, resources.core.v1.services, [
        ...discovery,
        ...members,
        ...components.map((component) => peerServiceName(tc, component)),
      ]),
      configMaps: this.#named(
        tc,
        resources.core.v1.configMaps,
        components.flatMap((component) => configMap(tc, component).metadata?.name ?? []),
      ),
      pods: this.#named(
        tc,
        resources.core.v1.pods,
        ordinals.map((one) => podName(tc, one.component, one.ordinal)),
      ),
    };
  }

  #named<T extends KubeObject>(tc: TidbCluster, handle: ResourceHandle<T>, names: readonly string[]): ReadonlyMap<string, T> {
    const lister = this.#informers.forResource(handle).lister.namespace(namespaceOf(tc));
    const found = new Map<string, T>();
    for (const name of names) {
      const object = lister.get(name);
      if (object !== undefined) found.set(name, object as T); // frozen by type as well; T's fields are read-only
    }
    return found;
  }
}
