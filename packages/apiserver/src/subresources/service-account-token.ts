import { deepFreeze, formatTime, newBadRequest, newConflict, newInvalid, newNotFound } from '@coracle/apimachinery';
import type { BoundObject, ServiceAccountTokens } from '../authentication/service-account-tokens.ts';
import type { RequestContext, Subresource } from '../registry/definition.ts';

interface Sent {
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
  readonly spec?: {
    readonly audiences?: readonly string[];
    readonly expirationSeconds?: number;
    readonly boundObjectRef?: {
      readonly kind?: string;
      readonly apiVersion?: string;
      readonly name?: string;
      readonly uid?: string;
    } | null;
  };
}

const defaultSeconds = 3_600;
const minSeconds = 600;
const maxSeconds = 2 ** 32;
const kind = { group: 'authentication.k8s.io', kind: 'TokenRequest' };
const prefixes: Readonly<Record<string, string>> = { Pod: '/registry/pods/', Secret: '/registry/secrets/' };

/** `serviceaccounts/NAME/token` (upstream registry/core/serviceaccount/storage token.go). */
export function serviceAccountToken(tokens: () => ServiceAccountTokens): Subresource {
  return {
    name: 'token',
    response: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
    verbs: ['create'],
    async handler({ name, context, body, registry }) {
      const sent = (body ?? {}) as Sent;
      if (sent.metadata?.name !== undefined && sent.metadata.name !== '' && sent.metadata.name !== name)
        throw newBadRequest(`the name of the object (${sent.metadata.name}) does not match the name on the URL (${name})`);
      const account = await registry.get(context, name);
      const { issuer } = tokens();
      const audiences = (sent.spec?.audiences ?? []).length === 0 ? [issuer] : (sent.spec?.audiences ?? []);
      const expirationSeconds = checkedSeconds(sent.spec?.expirationSeconds ?? defaultSeconds);
      const reference = sent.spec?.boundObjectRef ?? undefined;
      const bound = reference === undefined ? undefined : await boundObject(context, reference);
      const uid = account.metadata.uid ?? '';
      const issued = tokens().issue({
        namespace: context.namespace,
        name,
        uid,
        audiences,
        expirationSeconds,
        ...(bound === undefined ? {} : { bound }),
      });
      const object = deepFreeze({
        kind: 'TokenRequest',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: { name, namespace: context.namespace, uid, creationTimestamp: formatTime(context.clock.now()) },
        spec: {
          audiences,
          expirationSeconds,
          boundObjectRef: reference === undefined ? null : { ...reference, ...(bound === undefined ? {} : { uid: bound.uid }) },
        },
        status: { token: issued.token, expirationTimestamp: formatTime(issued.expiresAtMs) },
      });
      return { status: 201, object };
    },
  };
}

function checkedSeconds(seconds: number): number {
  const refuse = (detail: string): Error =>
    newInvalid(kind, '', [{ type: 'Invalid', field: 'spec.expirationSeconds', badValue: seconds, detail }]);
  if (!Number.isInteger(seconds) || seconds < minSeconds) throw refuse('may not specify a duration less than 10 minutes');
  if (seconds > maxSeconds) throw refuse('may not specify a duration larger than 2^32 seconds');
  return seconds;
}

async function boundObject(
  context: RequestContext,
  { kind: boundKind = '', name = '', uid }: NonNullable<NonNullable<Sent['spec']>['boundObjectRef']>,
): Promise<BoundObject> {
  const prefix = Object.hasOwn(prefixes, boundKind) ? prefixes[boundKind] : undefined;
  if (prefix === undefined) throw newBadRequest(`cannot bind token for serviceaccount to object of type ${boundKind}`);
  const { stored } = await context.storage.get(`${prefix}${context.namespace}/${name}`);
  const resource = { group: '', resource: boundKind === 'Pod' ? 'pods' : 'secrets' };
  if (stored === undefined) throw newNotFound(resource, name);
  const found = stored.object.metadata.uid ?? '';
  if (uid !== undefined && uid !== '' && uid !== found)
    throw newConflict(
      resource,
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  return { kind: boundKind as 'Pod' | 'Secret', name, uid: found };
}
