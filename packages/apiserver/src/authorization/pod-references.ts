import type { Container, Pod } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';

/** A pod with this annotation was read from a file of its node. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror';

type Volume = NonNullable<Frozen<Pod>['spec']['volumes']>[number];
type NamedReference = { readonly name?: string } | null | undefined;

/** The names of Secrets that containers, volumes and pulls of images need (pkg/api/v1/pod VisitPodSecretNames). */
export function secretsOf({ spec }: Frozen<Pod>): readonly string[] {
  return present([
    ...(spec.imagePullSecrets ?? []).map(({ name }) => name),
    ...containersOf(spec).flatMap(({ envFrom, env }) => [
      ...(envFrom ?? []).map(({ secretRef }) => secretRef?.name),
      ...(env ?? []).map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
    ]),
    ...(spec.volumes ?? []).flatMap(secretsOfVolume),
  ]);
}

/** The names of ConfigMaps that containers and volumes need (VisitPodConfigmapNames). */
export function configMapsOf({ spec }: Frozen<Pod>): readonly string[] {
  return present([
    ...containersOf(spec).flatMap(({ envFrom, env }) => [
      ...(envFrom ?? []).map(({ configMapRef }) => configMapRef?.name),
      ...(env ?? []).map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name),
    ]),
    ...(spec.volumes ?? []).flatMap(({ configMap, projected }) => [
      configMap?.name,
      ...(projected?.sources ?? []).map((source) => source.configMap?.name),
    ]),
  ]);
}

/** The names of claims, those that are made for ephemeral volumes too. */
export function claimsOf({ metadata, spec }: Frozen<Pod>): readonly string[] {
  return present(
    (spec.volumes ?? []).map(({ name, persistentVolumeClaim, ephemeral }) =>
      persistentVolumeClaim === undefined && ephemeral !== undefined ? `${metadata.name ?? ''}-${name}` : persistentVolumeClaim?.claimName,
    ),
  );
}

/** The names of ResourceClaims, as far as they are made (dynamic-resource-allocation resourceclaim.PodClaims). */
export function resourceClaimsOf({ spec, status }: Frozen<Pod>): readonly string[] {
  const made = new Map((status?.resourceClaimStatuses ?? []).map(({ name, resourceClaimName }) => [name, resourceClaimName]));
  return present([
    ...(spec.resourceClaims ?? []).map(({ name, resourceClaimName }) => resourceClaimName ?? made.get(name)),
    status?.extendedResourceClaimStatus?.resourceClaimName,
  ]);
}

function containersOf({
  containers,
  initContainers,
  ephemeralContainers,
}: Frozen<Pod>['spec']): readonly Pick<Frozen<Container>, 'env' | 'envFrom'>[] {
  return [...(containers ?? []), ...(initContainers ?? []), ...(ephemeralContainers ?? [])];
}

function secretsOfVolume(volume: Volume): readonly (string | undefined)[] {
  const references: readonly NamedReference[] = [
    volume.cephfs?.secretRef,
    volume.cinder?.secretRef,
    volume.flexVolume?.secretRef,
    volume.rbd?.secretRef,
    volume.scaleIO?.secretRef,
    volume.iscsi?.secretRef,
    volume.storageos?.secretRef,
    volume.csi?.nodePublishSecretRef,
    ...(volume.projected?.sources ?? []).map(({ secret }) => secret),
  ];
  return [volume.secret?.secretName, volume.azureFile?.secretName, ...references.map((reference) => reference?.name)];
}

function present(names: readonly (string | undefined)[]): readonly string[] {
  return names.filter((name): name is string => name !== undefined && name !== '');
}
