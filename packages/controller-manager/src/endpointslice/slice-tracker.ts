import type { EndpointSlice } from '@coracle/api';

/** Stands for a slice whose deletion was asked for and is not seen yet. */
const goneSoon = -1;

/**
 * What this controller wrote last, so that it neither decides by a cache that is behind nor takes its own writes for
 * somebody else's (k8s.io/endpointslice util/endpointslice_tracker.go).
 */
export class SliceTracker {
  readonly #generations = new Map<string, Map<string, number>>();

  /** Our write of a slice of `service`. */
  wrote(service: string, slice: EndpointSlice): void {
    this.#of(service).set(uidOf(slice), generationOf(slice));
  }

  /** Before the request: the event of its success may come before the answer, and would not be forgotten then. */
  deleting(service: string, slice: EndpointSlice): void {
    this.#of(service).set(uidOf(slice), goneSoon);
  }

  /** It was not deleted. */
  notDeleted(service: string, slice: EndpointSlice): void {
    const known = this.#of(service);
    if (known.get(uidOf(slice)) === goneSoon) known.set(uidOf(slice), generationOf(slice));
  }

  /** Slices of a Service that it remembers. */
  sizeOf(service: string): number {
    return this.#generations.get(service)?.size ?? 0;
  }

  /** Some slice in the cache is older than what was written, or missing, or there although it was deleted. */
  isStale(service: string, cached: readonly EndpointSlice[]): boolean {
    const known = this.#generations.get(service);
    if (known === undefined) return false;
    const present = new Map(cached.map((slice) => [uidOf(slice), generationOf(slice)] as const));
    for (const [uid, generation] of known) {
      const seen = present.get(uid);
      if (generation === goneSoon ? seen !== undefined : seen === undefined || seen < generation) return true;
    }
    return false;
  }

  /** Sees a slice in the cache. Tells whether somebody else changed it. */
  observed(service: string, slice: EndpointSlice): boolean {
    const known = this.#of(service);
    const expected = known.get(uidOf(slice));
    const generation = generationOf(slice);
    if (expected === goneSoon || (expected !== undefined && generation <= expected)) return false;
    known.set(uidOf(slice), generation);
    return true;
  }

  /** Sees that a slice is gone. Tells whether that was not our doing. */
  observedDeletion(service: string, slice: EndpointSlice): boolean {
    const known = this.#generations.get(service);
    const expected = known?.get(uidOf(slice));
    known?.delete(uidOf(slice));
    return expected !== goneSoon;
  }

  /** The Service is gone. */
  forget(service: string): void {
    this.#generations.delete(service);
  }

  #of(service: string): Map<string, number> {
    let known = this.#generations.get(service);
    if (known === undefined) {
      known = new Map();
      this.#generations.set(service, known);
    }
    return known;
  }
}

function uidOf(slice: EndpointSlice): string {
  return slice.metadata.uid ?? '';
}

function generationOf(slice: EndpointSlice): number {
  return slice.metadata.generation ?? 0;
}
