import type { CSIDriver, PersistentVolume, PersistentVolumeClaim, Pod } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import { storagePrefix } from '../registry/storage-prefix.ts';
import type { Storage } from '../storage/storage.ts';

type Volumes = NonNullable<Frozen<Pod>['spec']['volumes']>;

/** The driver that serves a kind of volume which Kubernetes served itself once (csi-translation-lib). */
const drivers: Readonly<Record<string, string>> = {
  awsElasticBlockStore: 'ebs.csi.aws.com',
  azureDisk: 'disk.csi.azure.com',
  azureFile: 'file.csi.azure.com',
  cinder: 'cinder.csi.openstack.org',
  gcePersistentDisk: 'pd.csi.storage.gke.io',
  portworxVolume: 'pxd.portworx.com',
  vsphereVolume: 'csi.vsphere.vmware.com',
};

/**
 * Whether a pod needs a token for `audience`: a volume of it has one, or is served by a CSI driver that asks for one
 * (plugin/pkg/admission/noderestriction podReferencesAudience). `faults`: what could not be found on the way.
 */
export async function referencesAudience(
  storage: Storage,
  pod: Frozen<Pod>,
  audience: string,
): Promise<{ readonly found: boolean; readonly faults: readonly string[] }> {
  const faults: string[] = [];
  for (const volume of pod.spec.volumes ?? []) {
    const sources = volume.projected?.sources ?? [];
    if (sources.some(({ serviceAccountToken }) => serviceAccountToken !== undefined && (serviceAccountToken.audience ?? '') === audience))
      return { found: true, faults };
    const driver = await driverOf(storage, pod, volume);
    if (driver === undefined) continue;
    if (typeof driver !== 'string') {
      faults.push(driver.fault);
      continue;
    }
    const stored = await read<CSIDriver>(storage, `${storagePrefix('storage.k8s.io', 'csidrivers')}${driver}`);
    if (stored === undefined) faults.push(`csidriver.storage.k8s.io "${driver}" not found`);
    else if ((stored.spec.tokenRequests ?? []).some((request) => request.audience === audience)) return { found: true, faults };
  }
  return { found: false, faults };
}

async function driverOf(
  storage: Storage,
  { metadata }: Frozen<Pod>,
  volume: Volumes[number],
): Promise<string | { readonly fault: string } | undefined> {
  const { persistentVolumeClaim, ephemeral, csi } = volume;
  const { name = '', namespace = '' } = metadata;
  if (ephemeral?.volumeClaimTemplate !== undefined) return driverOfClaim(storage, namespace, `${name}-${volume.name}`);
  if (persistentVolumeClaim !== undefined) return driverOfClaim(storage, namespace, persistentVolumeClaim.claimName);
  return csi?.driver ?? formerDriver(volume);
}

async function driverOfClaim(storage: Storage, namespace: string, name: string): Promise<string | { readonly fault: string } | undefined> {
  const claim = await read<PersistentVolumeClaim>(storage, `${storagePrefix('', 'persistentvolumeclaims')}${namespace}/${name}`);
  if (claim === undefined) return { fault: `persistentvolumeclaim "${name}" not found` };
  const volumeName = claim.spec.volumeName ?? '';
  const volume = await read<PersistentVolume>(storage, `${storagePrefix('', 'persistentvolumes')}${volumeName}`);
  if (volume === undefined) return { fault: `persistentvolume "${volumeName}" not found` };
  return volume.spec.csi?.driver ?? formerDriver(volume.spec);
}

function formerDriver(volume: object): string | undefined {
  return Object.entries(drivers).find(([source]) => Object.hasOwn(volume, source))?.[1];
}

async function read<T>(storage: Storage, key: string): Promise<Frozen<T> | undefined> {
  return (await storage.get(key)).stored?.object as unknown as Frozen<T> | undefined; // the key says of which kind the object is
}
