import {
  type ApiRequest,
  FieldError,
  type Frozen,
  goQuote,
  JsonSyntaxError,
  newBadRequest,
  newInvalid,
  readJson,
} from '@coracle/apimachinery';
import type { DeleteOptions } from '../registry/deletion.ts';
import { type BodyReaders, readBody } from './body.ts';

type Sent = Frozen<DeleteOptions> & { readonly kind?: unknown; readonly apiVersion?: unknown; readonly dryRun?: readonly string[] };

/** How to delete, from the body where there is one, else from the query. Throws a 400 or 422 for what is not understood. */
export function readDeleteOptions(
  { body }: Pick<ApiRequest, 'body'>,
  query: ReadonlyMap<string, string>,
  readers: BodyReaders,
): { readonly options: DeleteOptions; readonly dryRun: boolean } {
  const hasBody = body !== undefined && (body.form === 'object' || (body.form === 'bytes' && body.bytes.length > 0));
  const sent: Sent = hasBody ? fromBody(body, readers) : fromQuery(query);
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions, dryRun = [] } = sent;
  const faults: FieldError[] = [];
  const policy: string = propagationPolicy ?? '';
  if (propagationPolicy !== undefined && orphanDependents !== undefined) {
    faults.push(FieldError.invalid('propagationPolicy', policy, 'orphanDependents and deletionPropagation cannot be both set'));
  }
  if (propagationPolicy !== undefined && !['Orphan', 'Background', 'Foreground'].includes(policy)) {
    faults.push(FieldError.notSupported('propagationPolicy', policy, ['Foreground', 'Background', 'Orphan', 'nil']));
  }
  if (dryRun.some((value) => value !== 'All')) faults.push(FieldError.notSupported('dryRun', dryRun, ['All']));
  if (faults.length > 0) throw newInvalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', faults);
  const unsafe = sent.ignoreStoreReadErrorWithClusterBreakingPotential === true;
  return {
    options: {
      ...(typeof gracePeriodSeconds === 'number' ? { gracePeriodSeconds } : {}),
      ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
      ...(orphanDependents === undefined ? {} : { orphanDependents }),
      ...(preconditions === undefined ? {} : { preconditions }),
      ...(unsafe ? { ignoreStoreReadErrorWithClusterBreakingPotential: true } : {}),
    },
    dryRun: dryRun.includes('All'),
  };
}

function fromBody(body: NonNullable<ApiRequest['body']>, readers: BodyReaders): Sent {
  let value: unknown;
  if (body.form === 'bytes' && (body.contentType === '' || body.contentType.startsWith('application/json'))) {
    try {
      ({ value } = readJson(body.bytes));
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
      throw newBadRequest(`couldn't get version/kind; json parse error: ${error.message}`);
    }
  } else ({ value } = readBody(body, 'DeleteOptions', readers));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw newBadRequest("couldn't get version/kind; json parse error: DeleteOptions must be an object");
  const sent = value as Sent; // looked at field by field
  const { kind, apiVersion } = sent;
  if (typeof kind === 'string' && kind !== '' && kind !== 'DeleteOptions') {
    throw newBadRequest(
      `no kind ${goQuote(kind)} is registered for version ${goQuote(String(apiVersion))} in scheme "pkg/runtime/scheme.go:111"`,
    );
  }
  return sent;
}

function fromQuery(query: ReadonlyMap<string, string>): Sent {
  const grace = query.get('gracePeriodSeconds');
  if (grace !== undefined && !/^[+-]?\d+$/.test(grace)) throw newBadRequest(`strconv.ParseInt: parsing ${goQuote(grace)}: invalid syntax`);
  const uid = query.get('uid');
  const resourceVersion = query.get('resourceVersion');
  const dryRun = query.get('dryRun') ?? '';
  return {
    ...(grace === undefined ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(query.has('orphanDependents') ? { orphanDependents: query.get('orphanDependents') === 'true' } : {}),
    ...(query.has('propagationPolicy')
      ? { propagationPolicy: query.get('propagationPolicy') as NonNullable<DeleteOptions['propagationPolicy']> }
      : {}), // checked with the rest
    ...(uid === undefined && resourceVersion === undefined
      ? {}
      : { preconditions: { ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) } }),
    ...(query.get('ignoreStoreReadErrorWithClusterBreakingPotential') === 'true'
      ? { ignoreStoreReadErrorWithClusterBreakingPotential: true }
      : {}),
    ...(dryRun === '' ? {} : { dryRun: [dryRun] }),
  };
}
