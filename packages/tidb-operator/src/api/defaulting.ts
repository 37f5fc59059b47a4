import type { TidbCluster, TidbClusterSpec } from './types.ts';

/**
 * The cluster as the operator understands it: unset fields filled in. In memory only, never written back
 * (upstream: apis/pingcap/v1alpha1/defaulting/tidbcluster.go, which also rewrites the stored spec).
 */
export function withDefaults(tc: TidbCluster): TidbCluster {
  return { ...tc, spec: defaultSpec(tc.spec) };
}

function defaultSpec(spec: TidbClusterSpec): TidbClusterSpec {
  const { pd, tikv, tidb } = spec;
  return {
    imagePullPolicy: 'IfNotPresent',
    enablePVReclaim: false,
    pvReclaimPolicy: 'Retain',
    timezone: 'UTC',
    ...spec,
    ...(pd && {
      pd: { ...imageDefault(spec, pd.version, 'pingcap/pd'), maxFailoverCount: 3, spareVolReplaceReplicas: 1, startTimeout: 30, ...pd },
    }),
    ...(tikv && {
      tikv: { ...imageDefault(spec, tikv.version, 'pingcap/tikv'), maxFailoverCount: 3, spareVolReplaceReplicas: 1, ...tikv },
    }),
    ...(tidb && {
      tidb: { ...imageDefault(spec, tidb.version, 'pingcap/tidb'), maxFailoverCount: 3, separateSlowLog: true, ...tidb },
    }),
  };
}

function imageDefault(spec: TidbClusterSpec, own: string | undefined, baseImage: string): { baseImage?: string } {
  return (own ?? spec.version ?? '') === '' ? {} : { baseImage };
}

/** The image of a component: `image` when set; else base and version; a tag or digest in the base stays when no version is given. */
export function imageOf(
  spec: TidbClusterSpec,
  component: { readonly image?: string; readonly baseImage?: string; readonly version?: string },
): string {
  if (component.image !== undefined && component.image !== '') return component.image;
  const base = component.baseImage ?? '';
  const version = component.version ?? spec.version ?? '';
  return base === '' || version === '' ? base : `${base}:${version}`;
}
