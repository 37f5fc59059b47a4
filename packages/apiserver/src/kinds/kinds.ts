import type { KindHooks } from '../registry/kind-hooks.ts';

/** What the built-in kinds do beyond their rows of facts, by `group/resource`. */
export const kindHooks: Readonly<Record<string, KindHooks>> = {};
