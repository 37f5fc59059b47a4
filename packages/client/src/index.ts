export { DynamicClient, type DynamicResourceClient } from './dynamic/dynamic-client.ts';
export { Clientset, type GroupClient } from './kubernetes/clientset.ts';
export { collectionPath, type ObjectOf, type ResourceHandle, resourceHandle } from './kubernetes/resource-handle.ts';
export { resources } from './kubernetes/resources.ts';
export type { GetOptions, ListOptions, PatchOptions, PatchType, WatchOptions, WriteOptions } from './rest/options.ts';
export { Request, type RequestSender } from './rest/request.ts';
export { type ObjectList, type ResourceClient, resourceClient, type SubresourceClient } from './rest/resource-client.ts';
export { type ClientOptions, RestClient } from './rest/rest-client.ts';
export { type Got, Queue, type WorkQueue } from './util/workqueue/queue.ts';
export {
  BucketRateLimiter,
  defaultControllerRateLimiter,
  ItemExponentialFailureRateLimiter,
  MaxOfRateLimiter,
  type RateLimiter,
} from './util/workqueue/rate-limiter.ts';
export { RateLimitingQueue } from './util/workqueue/rate-limiting-queue.ts';
