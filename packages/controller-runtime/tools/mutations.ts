import type { Mutation, RecordedDraw } from '../../../tools/mutants.ts';

/** Where the rows are, in `src`. */
export const listFile = 'testdata/upstream-cases.txt';

export const recordedDraw: RecordedDraw = { seed: 1, count: 12, coveredSince: [] };

const builder = 'pkg/builder/controller_test.go';
const controller = 'pkg/internal/controller/controller_test.go';
const finalizer = 'pkg/finalizer/finalizer_test.go';
const handler = 'pkg/handler/eventhandler_test.go';
const owners = 'pkg/controller/controllerutil/controllerutil_test.go';
const priorityQueue = '../../client/src/util/workqueue/priority-queue.ts';

export const mutations: readonly Mutation[] = [
  // Drawn.
  {
    row: `${handler} priority: low for an update that changes nothing`,
    what: 'a resync is as urgent as a change',
    title: 'enqueueRequestForObject: low at the start and in a resync, not of a change',
    file: 'controller/source.ts',
    from: 'isUnchanged ? low : queue',
    to: 'queue',
  },
  {
    row: `${finalizer} Finalize: none registered, the object stays`,
    what: 'every object is said to have changed',
    file: 'client/finalizer-registry.ts',
    from: 'updated: Object.keys(rest).length > 0,',
    to: 'updated: true,',
  },
  {
    row: `${controller} startEventSourcesAndQueue: a source that cannot start`,
    what: 'that a source cannot start is passed over',
    file: 'controller/controller.ts',
    from: 'for (const source of this.#sources) source.start(this);',
    to: 'for (const source of this.#sources) { try { source.start(this); } catch {} }',
  },
  {
    row: `${handler} EnqueueRequestForObject: Create`,
    what: 'what is created is not reconciled',
    file: 'controller/event-handler.ts',
    from: 'return { create: enqueue, update: (_old, object, queue)',
    to: 'return { update: (_old, object, queue)',
  },
  {
    row: 'kube-runtime/src/controller/runner.rs runner_should_never_run_two_instances_at_once',
    what: 'an item that is worked on is handed out again',
    file: priorityQueue,
    from: 'if (state.busy !== undefined) {',
    to: 'if (this.#isShuttingDown) {',
  },
  {
    row: 'kube-runtime/src/utils/event_decode.rs watches_applies_uses_correct_stream',
    what: 'deletions come through, whatever the predicate says',
    file: 'controller/source.ts',
    from: 'object === undefined || predicate.delete?.(object) === false ? undefined',
    to: 'object === undefined ? undefined',
  },
  {
    row: `${handler} priority: none of a Create without a priority queue`,
    what: 'a queue without priorities has one',
    title: 'enqueueRequestForObject: low at the start and in a resync, none without a priority queue',
    file: 'controller/reconcile-queue.ts',
    from: '{ key: got.item, priority: 0, shutdown: false }',
    to: '{ key: got.item, priority: -100, shutdown: false }',
  },
  {
    row: 'pkg/predicate/predicate_test.go Funcs: Generic',
    what: 'nobody is asked about what is no event of the API',
    file: 'controller/predicate.ts',
    from: 'generic: (object) => decide((predicate) => predicate.generic?.(object) ?? true),',
    to: 'generic: () => true,',
  },
  {
    row: 'kube-runtime/src/wait.rs crd_established_ok',
    what: 'a condition that is False will do',
    file: 'client/conditions.ts',
    from: "each.type === type && each.status === 'True' &&",
    to: 'each.type === type &&',
  },
  {
    row: `${builder} New: no watches`,
    what: 'a controller that watches nothing is taken',
    file: 'controller/request-controller-builder.ts',
    from: 'if (this.#sources.length === 0) throw',
    to: 'if (this.#sources.length < 0) throw',
  },
  {
    row: 'kube-runtime/src/scheduler.rs scheduler_should_hold_and_release_items',
    what: 'what came while it was worked on does not come again',
    file: priorityQueue,
    from: 'this.#ready.push(state.current);',
    to: '',
  },
  {
    row: `${builder} Start: Owns`,
    what: 'the old owner does not hear of a change of hands',
    file: 'controller/event-handler.ts',
    from: 'update: (old, object, queue) => enqueue(queue, old, object),',
    to: 'update: (_old, object, queue) => enqueue(queue, object),',
  },
  // Beside: what was built for this list.
  {
    row: `${finalizer} Finalize: some fail, some have something to say`,
    what: 'what a finalizer that fails says is lost',
    file: 'client/finalizer-registry.ts',
    from: 'withoutFinalizer(mutable(left), finalizer) : left)',
    to: 'withoutFinalizer(mutable(left), finalizer) : current)',
  },
  {
    row: `${owners} SetOwnerReference: with BlockOwnerDeletion`,
    what: 'the option is passed over',
    file: 'client/ownership.ts',
    from: 'blockOwnerDeletion === undefined ? reference : { ...reference, blockOwnerDeletion }',
    to: 'reference',
  },
  {
    row: `${owners} RemoveControllerReference: an owner without control`,
    what: 'an owner without control is removed as well',
    file: 'client/ownership.ts',
    from: 'present !== undefined && isSameOwner(present, referenceOf(owner, kind)) ?',
    to: 'present !== object ?',
  },
  {
    row: `${controller} reconcile_timeouts: not at a stop`,
    what: 'a stop counts as a timeout',
    file: 'controller/controller.ts',
    from: 'if (deadline.signal.aborted && !context.signal.aborted) this',
    to: 'if (deadline.signal.aborted) this',
  },
  {
    row: `${controller} Start: a source that blocks for ever`,
    what: 'a source is waited for without end',
    file: 'controller/controller.ts',
    from: 'await unlessAborted(source.synced({ signal, timeoutMs }), deadline.signal);',
    to: 'await source.synced({ signal, timeoutMs });',
  },
  {
    row: `${controller} queue: an error with another priority`,
    what: 'the priority of a decision is passed over',
    title: 'comes back with: an error: of the decision',
    file: 'controller/controller.ts',
    from: 'const { retryAfterMs, priority: wanted = priority } =',
    to: 'const wanted = priority;\n      const { retryAfterMs } =',
  },
  {
    row: `${controller} Warmup: sources that are added later`,
    what: 'a source that is added is not started',
    file: 'controller/controller.ts',
    from: '    source.start(this);\n    const number',
    to: '    const number',
  },
  {
    row: `${handler} EnqueueRequestForOwner: an owner whose version is none`,
    what: 'what stands before the first slash is a group',
    file: 'client/ownership.ts',
    from: " && !version.includes('/')",
    to: '',
  },
  {
    row: 'kube-runtime/src/utils/predicate.rs predicate_filtering_should_handle_recreated_resources_with_same_generation',
    what: 'another object of the same name passes for the old one',
    title: 'generationChanged lets the update to another object of the same name through',
    file: 'controller/predicate.ts',
    from: 'old.uid !== metadata.uid || isChanged(old, metadata)',
    to: 'isChanged(old, metadata)',
  },
  {
    row: 'kube-runtime/src/reflector/store.rs should_allow_getting_clusterscoped_object_by_namespaced_ref',
    what: 'an object in the cluster scope is looked for in a namespace',
    file: 'client/client.ts',
    from: "handle.namespaced ? key : { ...key, namespace: '' }",
    to: 'key',
  },
  {
    row: 'kube-runtime/src/wait.rs deployment_completed_pending',
    what: 'the condition of an older spec will do',
    file: 'client/conditions.ts',
    from: 'observedGeneration >= (deployment?.metadata.generation ?? 0) && ',
    to: '',
  },
  {
    row: 'kube-runtime/src/watcher.rs idle_timeout_returns_none_on_dead_connection',
    what: 'no pings are sent',
    file: '../../client/src/transport/http2.ts',
    from: 'if (ping.everyMs > 0) connection.#keepAlive(ping);',
    to: '',
  },
];
