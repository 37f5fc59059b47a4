/** A behaviour that is taken away, for one row of the list of upstream's tests. */
export interface Mutation {
  /** As in the list: `tools/cache/store_test.go TestCache`. */
  readonly row: string;
  /** What is gone. */
  readonly what: string;
  /** The title of the one test that must fail, where the row names a table of them. */
  readonly title?: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly from: string;
  readonly to: string;
}

const coordinated = 'tools/leaderelection/leaderelection_test.go TestTryCoordinatedRenew';
const candidateCreation = 'tools/leaderelection/leasecandidate_test.go TestLeaseCandidateCreation';
const candidateAck = 'tools/leaderelection/leasecandidate_test.go TestLeaseCandidateAck';

/**
 * The draw whose rows all have a mutation. Another seed, or more rows, needs more of them. Rows of `coveredSince` were not covered when it
 * was made, and have mutations all the same.
 */
export const recordedDraw: { readonly seed: number; readonly count: number; readonly coveredSince: readonly string[] } = {
  seed: 1,
  count: 36,
  coveredSince: [coordinated, candidateCreation, candidateAck],
};

const rest = 'rest/request_test.go';
const validation = 'tools/clientcmd/validation_test.go';
const loader = 'tools/clientcmd/loader_test.go';

export const mutations: readonly Mutation[] = [
  {
    row: 'discovery/cached/memory/memcache_test.go TestPartialPermanentFailure',
    what: 'a failure that lasts is taken for one that passes',
    title: 'a stale group: the group is not asked for again',
    file: 'discovery/cached-discovery.ts',
    from: 'return (error instanceof StatusError && error.code >= 500) || isTooManyRequests(error);',
    to: 'return true;',
  },
  {
    row: 'tools/cache/reflector_test.go TestReflectorHandleWatchStoppedAfter',
    what: 'a stop does not reach a watch that is open',
    file: 'tools/cache/watch-stream.ts',
    from: "else signal.addEventListener('abort', this.#onAbort, { once: true });",
    to: '',
  },
  {
    row: 'util/workqueue/queue_test.go TestCollapse',
    what: 'what waits already is queued once more',
    file: 'util/workqueue/queue.ts',
    from: 'if (!state.isProcessing) this.#waiting.touch?.(item);',
    to: 'this.#offer(item);',
  },
  {
    row: 'rest/exec_test.go TestExecClusterToConfigRoundtrip',
    what: 'the proxy is lost on the way back',
    file: 'plugin/credentials/exec-credential.ts',
    from: "    proxyUrl: cluster['proxy-url'],\n",
    to: '',
  },
  {
    row: 'restmapper/shortcut_test.go TestReplaceAliases',
    what: 'short names are not known',
    title: 'resolves deploy to apps/v1 deployments',
    file: 'discovery/rest-mapper.ts',
    from: 'isThere(row) && row.shortNames.includes(name)',
    to: 'false',
  },
  {
    row: `${validation} TestIsContextNotFound`,
    what: 'the error is known by its type only, not by its words',
    file: 'tools/clientcmd/validation.ts',
    from: "(error instanceof Error && error.message.includes('context was not found for specified context'))",
    to: 'false',
  },
  {
    row: 'discovery/cached/memory/memcache_test.go TestMemCacheGroupsAndMaybeResources',
    what: 'nothing is kept',
    file: 'discovery/cached-discovery.ts',
    from: 'if (this.#asking === asking) this.#known = found;',
    to: '',
  },
  {
    row: `${rest} TestWatchUnknownContentType`,
    what: 'what came is taken for an event, whatever it is',
    file: 'transport/watch-decoder.ts',
    from: 'frame = readJson(line, { bigints: this.#bigints }).value;',
    to: "try { frame = readJson(line).value; } catch { frame = { type: 'BOOKMARK', object: {} }; }",
  },
  {
    row: `${validation} TestValidateCertDataOverridesFiles`,
    what: 'data beside a file is no fault',
    title: 'user: data beside files',
    file: 'tools/clientcmd/validation.ts',
    from: "if (user.clientCertificate !== '' && user.clientCertificateData !== '') {",
    to: 'if (false) {',
  },
  {
    row: `${rest} TestRequestSetsHeaders`,
    what: 'a header is not set',
    file: 'rest/request.ts',
    from: 'else if (only !== undefined) this.#headers[key] = only;',
    to: '',
  },
  {
    row: `${loader} TestErrorReadingNonFile`,
    what: 'a folder is as good as a missing file',
    file: 'tools/clientcmd/loading-rules.ts',
    from: 'if (isMissing(error)) missing.push(file);',
    to: "if (isMissing(error) || (error as { code?: string }).code === 'EISDIR') missing.push(file);",
  },
  {
    row: `${rest} TestRequestBody`,
    what: 'bytes are sent as an object',
    file: 'rest/request.ts',
    from: 'if (body instanceof Uint8Array) {',
    to: 'if (false as boolean) {',
  },
  {
    row: 'dynamic/dynamicinformer/informer_test.go TestWatchListSemanticsSimple',
    what: 'the list is read in pages and not streamed',
    file: 'tools/cache/reflector.ts',
    from: 'if (this.#watchList) stream = await this.#streamList(signal);',
    to: '',
  },
  {
    row: 'dynamic/client_test.go TestDeleteCollection',
    what: 'the selection is left out: everything would go',
    title: 'sends delete of a collection as it goes over the wire',
    file: 'rest/resource-client.ts',
    from: 'deleting(at(rest.delete()).params(listOptions), deleteOptions)',
    to: 'deleting(at(rest.delete()), deleteOptions)',
  },
  {
    row: 'transport/round_trippers_test.go TestBearerAuthRoundTripper',
    what: 'the token replaces what the request brings',
    file: 'transport/round-trippers.ts',
    from: "    if (request.headers['authorization'] !== undefined) return request;\n    return withHeader(request, 'authorization', `Bearer",
    to: "    return withHeader(request, 'authorization', `Bearer",
  },
  {
    row: 'util/workqueue/rate_limiting_queue_test.go TestRateLimitingQueue',
    what: 'a failure earns no wait',
    file: 'util/workqueue/rate-limiting-queue.ts',
    from: 'this.#queue.addAfter(item, this.#limiter.when(item));',
    to: 'this.#limiter.when(item);\n    this.#queue.add(item);',
  },
  {
    row: 'util/flowcontrol/backoff_test.go TestBackoffReset',
    what: 'a wait is never forgotten',
    file: 'util/keyed-backoff.ts',
    from: 'if (known === undefined || this.#hasExpired(known, eventMs)) {',
    to: 'if (known === undefined) {',
  },
  {
    row: 'util/workqueue/queue_test.go TestQueueDrainageUsingShutDownWithDrainWithDirtyItem',
    what: 'a queue is drained although what is worked on came again',
    file: 'util/workqueue/queue.ts',
    from: 'return this.#processing === 0 && this.#waiting.length === 0;',
    to: 'return this.#processing === 0;',
  },
  {
    row: `${loader} TestMigratingFile`,
    what: 'the old file stays where nobody reads it',
    file: 'tools/clientcmd/loading-rules.ts',
    from: 'this.host.writeFile(target, this.host.readFile(source), { mode: from.mode & 0o666 });',
    to: '',
  },
  {
    row: `${rest} TestConnectionResetByPeerIsRetried`,
    what: 'a lost connection is final for a GET',
    file: 'rest/retry.ts',
    from: "return method === 'GET' && error.cause instanceof ConnectionLostError;",
    to: 'return false;',
  },
  {
    row: 'discovery/discovery_client_test.go TestServerPreferredResourcesRetries',
    what: 'a group of a busy server is not asked for again',
    title: 'a busy server: the group is asked for again',
    file: 'discovery/cached-discovery.ts',
    from: 'error.code >= 500) || isTooManyRequests(error);',
    to: 'error.code >= 500);',
  },
  {
    row: 'tools/cache/listers_test.go TestListAll',
    what: 'a selector selects everything',
    file: 'tools/cache/lister.ts',
    from: 'return objects.filter((object) => selector.matches(metaOf(object).labels));',
    to: 'return objects;',
  },
  {
    row: 'tools/cache/delta_fifo_test.go TestDeltaFIFO_PopShouldUnblockWhenClosed',
    what: 'a close wakes nobody',
    file: 'tools/cache/queue-progress.ts',
    from: '    this.#isClosed = true;\n    this.wake();\n',
    to: '    this.#isClosed = true;\n',
  },
  {
    row: 'tools/cache/typed_test.go TestTypedFilteringResourceEventHandler',
    what: 'what ceases to pass the filter is not deleted',
    file: 'tools/cache/event-handlers.ts',
    from: 'return wasIn ? handler.onDelete?.(old) : undefined;',
    to: 'return undefined;',
  },
  {
    row: `${rest} TestRequestSetTwiceError`,
    what: 'a name that is set twice is the second one',
    title: 'refuses a second name, at the end',
    file: 'rest/request.ts',
    from: 'else if (this.#name !== undefined) this.#refuse(`resource name already set',
    to: 'else if (false as boolean) this.#refuse(`resource name already set',
  },
  {
    row: 'tools/cache/heap_test.go TestHeap_List',
    what: 'a list leaves the last one out',
    file: 'tools/cache/keyed-heap.ts',
    from: 'return this.#items.map(({ value }) => value);',
    to: 'return this.#items.slice(1).map(({ value }) => value);',
  },
  {
    row: `${loader} TestNoWarningMissingFiles`,
    what: 'missing files are warned of although nobody named them',
    file: 'tools/clientcmd/loading-rules.ts',
    from: 'if (this.#warnsIfAllMissing && missing.length > 0',
    to: 'if (missing.length > 0',
  },
  {
    row: `${validation} TestValidateCleanClusterInfo`,
    what: 'a server alone is not enough',
    title: 'cluster: no proxy-url',
    file: 'tools/clientcmd/validation.ts',
    from: "Object.values(members).every((value) => value === '' || value === false)",
    to: "Object.values(members).some((value) => value === '' || value === false)",
  },
  {
    row: 'tools/clientcmd/client_config_test.go TestCreateAuthConfigExecInstallHintCleanup',
    what: 'a hint is printed as it is',
    file: 'tools/clientcmd/client-config.ts',
    from: '{ installHint: cleanEscapeCodes(exec.installHint) }',
    to: '{ installHint: exec.installHint }',
  },
  {
    row: 'tools/cache/shared_informer_test.go TestResyncCheckPeriod',
    what: 'a handler that comes late has its own period',
    file: 'tools/cache/shared-informer.ts',
    from: "if (this.#state === 'running') return this.#resyncCheckMs;",
    to: '',
  },
  {
    row: 'tools/cache/the_real_fifo_test.go TestRealFIFO_ReplaceAtomicPop',
    what: 'an atomic list is not the first list',
    file: 'tools/cache/real-fifo.ts',
    from: 'this.#progress.populate(this.#deltas.length);',
    to: 'this.#progress.populate(0);',
  },
  {
    row: 'tools/watch/retrywatcher_test.go TestNewRetryWatcher',
    what: 'a watch may begin anywhere',
    file: 'tools/watch/retry-watcher.ts',
    from: "if (resourceVersion === '' || resourceVersion === '0')",
    to: "if (resourceVersion === '')",
  },
  {
    row: `${validation} TestValidateMissingReferencesConfig`,
    what: 'a context may name a user that is not there',
    file: 'tools/clientcmd/validation.ts',
    from: 'else if (!config.authInfos.has(context.authInfo))',
    to: 'else if (false)',
  },
  {
    row: 'rest/plugin_test.go TestAuthPluginPersist',
    what: 'a token that was refreshed is not kept',
    file: 'plugin/credentials/oidc.ts',
    from: 'this.#options.persist(config);',
    to: '',
  },
  {
    row: `${validation} TestValidateEmptyClusterInfo`,
    what: 'an empty cluster is no fault',
    title: 'cluster: nothing at all',
    file: 'tools/clientcmd/validation.ts',
    from: '    return [new EmptyClusterError()];\n',
    to: '    return [];\n',
  },
  {
    row: 'rest/connection_test.go TestReconnectBrokenTCP_HTTP1',
    what: 'a kept connection that was closed fails the request',
    file: 'transport/http1.ts',
    from: "if (sent.reusedSocket && request.method === 'GET' && signal?.aborted !== true) return this.#sent(request, signal);\n",
    to: '',
  },
  // Beside those that were drawn: rows whose first tests would not have failed.
  {
    row: `${rest} TestTransportConcurrency`,
    what: 'an answer is that of the request before',
    title: 'many requests at once get each its own answer, over HTTP/2',
    file: 'transport/http2.ts',
    from: 'const stream = this.#send(request);',
    to: 'const shared = this as { last?: ClientHttp2Stream };\n    const stream = (shared.last ??= this.#send(request));',
  },
  {
    row: `${rest} TestRequestConcurrencyWithRetry`,
    what: 'a request that is sent again is sent as it was asked for first by anybody',
    title: 'many requests at once that are refused first are each sent again as they were, over HTTP/1.1',
    file: 'rest/rest-client.ts',
    from: 'const outcome = await this.#try(full, signal);',
    to: 'const shared = this as { first?: ApiRequest };\n      shared.first ??= full;\n      const outcome = await this.#try(attempts === 1 ? full : shared.first, signal);',
  },
  {
    row: `${rest} TestHTTP1DoNotReuseRequestAfterTimeout`,
    what: 'the connection of a request that was given up is kept',
    file: 'transport/http1.ts',
    from: '(answer ?? sent).destroy();',
    to: '',
  },
  {
    row: 'transport/token_source_test.go TestTokenSourceTransportRoundTrip',
    what: 'a token that was refused is used on',
    file: 'transport/round-trippers.ts',
    from: 'if (response.status === 401) source.resetOlderThan(atMs);',
    to: '',
  },
  {
    row: 'plugin/pkg/client/auth/exec/exec_test.go TestTLSCredentials',
    what: 'connections of an old certificate are kept',
    file: 'plugin/credentials/exec.ts',
    from: 'this.#options.onCertificateChanged?.();',
    to: '{}',
  },
  {
    row: coordinated,
    what: 'the strategy of the coordinator is lost by a renewal',
    file: 'tools/leaderelection/leader-elector.ts',
    from: ', leaderTransitions), strategy };',
    to: ', leaderTransitions) };',
  },
  {
    row: candidateCreation,
    what: 'the emulated version is that of the binary',
    file: 'tools/leaderelection/lease-candidate.ts',
    from: 'const spec = { leaseName, binaryVersion, emulationVersion, strategy };',
    to: 'const spec = { leaseName, binaryVersion, emulationVersion: binaryVersion, strategy };',
  },
  {
    row: candidateAck,
    what: 'a ping is not noticed',
    file: 'tools/leaderelection/lease-candidate.ts',
    from: 'if (isAsked(candidate)) this.#queue.add(name);',
    to: '',
  },
];
