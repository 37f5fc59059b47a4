import { kindDifferences } from '../kinds/recorded-differences.fixture.ts';

/** Cases that we answer in another way than the real server, each with why. */
export interface Difference {
  readonly reason: string;
  /** Names by area, with spaces between. */
  readonly cases: Readonly<Record<string, string>>;
}

const serverDifferences: readonly Difference[] = [
  {
    reason: 'server-side apply answers 415',
    cases: {
      apply:
        'apply-dryrun apply-managedfields-set apply-name-mismatch apply-no-kind apply-no-manager apply-null apply-other-version apply-rv apply-uid apply-yaml-body conflict-many cr-atomic-list cr-atomic-map cr-free-map cr-map-dup cr-set cr-set-dup cr-status cr-unknown create deploy-create deploy-defaulted-owned-by-none deploy-dup-key deploy-list-map deploy-missing-key deploy-nodeselector deploy-quantity-normalised deploy-replicas-hpa deploy-selector-atomic deploy-status deploy-unknown-field finalizers-set hpa-metrics hpa-v1-then-v2 ingress managedfields-edited managedfields-other-version managers-same-name-kinds namespace node-taints noop-keeps-rv owners-map pod remove-field reset-managedfields reset-managedfields-put role-rules-atomic rolebinding-subjects secret-stringdata service-ports service-selector shared-then-drop update-steals update-then-apply',
      errors:
        'apply-duplicate-Strict apply-duplicate-Warn apply-duplicate-default apply-unknown-Ignore apply-unknown-Warn apply-unknown-default patch-missing',
      misc: 'scale-Deployment scale-ReplicationController',
    },
  },
  {
    reason: 'CEL rules of definitions are stored and not evaluated',
    cases: {
      crd: 'cel-fieldpath-map-key cel-fieldpath-nested cel-has cel-immutable-field cel-int-or-string-value cel-item-rule cel-libs cel-list-map-transition cel-macros cel-message cel-message-expr cel-message-expr-empty cel-message-expr-string-of-int cel-optional-old-self cel-reason-fieldvalueduplicate cel-reason-fieldvalueforbidden cel-reason-fieldvalueinvalid cel-root-name cel-runtime-error cel-schema-error-first cel-several cel-time define-cel-cost-exceeded define-cel-cost-unbounded-list define-cel-enum-dyn define-cel-message-expr-bad define-cel-optionaloldself-without define-cel-preserve-unknown define-cel-root-metadata-labels define-cel-syntax define-cel-type define-cel-undeclared-field define-cel-undeclared-var ratchet-cel',
    },
  },
  {
    reason: 'attach, exec, port-forward, proxy, ephemeralcontainers, resize and approval answer 501, and discovery does not list them',
    cases: {
      errors: 'proxy-paths',
      misc: 'csr-approve discovery-certificates.k8s.io pod-ephemeral pod-resize pod-resize-qos',
    },
  },
  {
    reason: 'componentstatuses are not served',
    cases: {
      errors: 'method-not-allowed',
      misc: 'api-legacy deprecated-warnings discovery-aggregated-etag',
    },
  },
  {
    reason: 'the version, build and descriptions are our own; no sentence of upstream is kept',
    cases: {
      authz: 'anonymous-like',
      errors: 'not-acceptable-found unauthenticated',
      misc: 'openapi system-priorityclasses version',
    },
  },
  {
    reason: 'managedFields are not kept, which the text of an answer shows',
    cases: {
      errors: 'body-yaml-answer',
    },
  },
  {
    reason: 'the text that shows a refused patch orders metadata in another way',
    cases: {
      patch:
        'json-deploy-wrong-type json-kind-change json-number-into-string merge-apiversion-other merge-kind-other merge-number strategic-wrong-type',
    },
  },
  {
    reason: 'the server has no APIService of its own and proxies none',
    cases: {
      misc: 'apiservice-local apiservice-unavailable',
    },
  },
  {
    reason:
      'a controller or admission plug-in of upstream that is not built writes it: protection of volumes, taints of new nodes, FlowSchema conditions, allocation at a dry run',
    cases: {
      delete: 'pvc-protected shape-PersistentVolume',
      errors: 'dryrun-service-ip',
      misc: 'flowschema-priority status-Node',
      patch: 'strategic-node-status',
    },
  },
  {
    reason: 'a rule of the kind itself that is not built',
    cases: {
      list: 'fields-ReplicaSet fields-ResourceSlice',
      misc: 'csr-fail events-two-groups ipaddress-of-service service-clusterip-taken status-DaemonSet status-ResourceClaim status-Service',
      patch: 'strategic-pod',
    },
  },
  {
    reason: 'the ClusterRoles admin, edit and view have from the start the rules that a controller of upstream collects into them',
    cases: {
      authz: 'escalate-role',
    },
  },
  {
    reason: 'nodes read other nodes',
    cases: {
      authz: 'node-user',
    },
  },
  {
    reason: 'the object of a bookmark has metadata only',
    cases: {
      watch: 'all-kinds-send-initial table-initial-bookmark',
    },
  },
  {
    reason: 'a list from the cache ignores its limit',
    cases: {
      list: 'continue-with-rv',
    },
  },
  {
    reason: 'our readers of YAML and numbers: other words for bad YAML, and 1.0 is an integer',
    cases: {
      errors: 'body-garbage numbers-big',
    },
  },
  {
    reason: 'the status of custom resources that have none is not told from a path that does not exist',
    cases: {
      crd: 'no-subresources',
    },
  },
];

/** Those of the server and those of single kinds. */
export const differences: readonly Difference[] = [...serverDifferences, ...kindDifferences];

/** Why the answer to a case differs, by the name of the case. */
export const reasons: ReadonlyMap<string, string> = new Map(
  differences.flatMap(({ reason, cases }) => namesOf(cases).map((name) => [name, reason] as const)),
);

/** `area/name` of all cases of a difference. */
export function namesOf(cases: Difference['cases']): readonly string[] {
  return Object.entries(cases).flatMap(([area, names]) => names.split(' ').map((name) => `${area}/${name}`));
}

/**
 * A recording, or an answer, without what we leave out on purpose in all of them: managedFields, which belong to server-side
 * apply, and the descriptions of columns, which are sentences of upstream's.
 */
export function notCompared(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/,?\\*"managedFields\\*":\[.*?\}\}\}\]/g, '');
  if (Array.isArray(value)) return value.map(notCompared);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => {
      if (key === 'managedFields') return [];
      if (key === 'columnDefinitions' && Array.isArray(item))
        return [[key, item.map((column: object) => ({ ...column, description: '' }))]];
      return [[key, notCompared(item)]];
    }),
  );
}
