import path from 'node:path';

/**
 * Where Node may keep what it compiled of this program, so that the next start need not compile it again: the user's folder for
 * what can be made anew, which nobody else writes to. Undefined where there is none.
 */
export function compileCacheDirectory(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const { XDG_CACHE_HOME = '', HOME = '' } = env;
  // The XDG specification: relative paths are to be ignored.
  const caches = path.isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : path.isAbsolute(HOME) ? path.join(HOME, '.cache') : undefined;
  return caches === undefined ? undefined : path.join(caches, 'coracle', 'compiled');
}
