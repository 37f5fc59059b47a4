import { UsageError } from './flags.ts';

/** Throws UsageError. */
export function listenUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '') {
    throw new UsageError(`"${text}" is no URL to listen at: http://HOST:PORT or https://HOST:PORT`);
  }
  return url;
}

/** Throws UsageError. */
export function booleanOf(flag: string, text: string | undefined): boolean {
  if (text === undefined || text === 'false') return false;
  if (text === 'true') return true;
  throw new UsageError(`"${text}" is no value of --${flag}: true or false`);
}
