const guard: string = new URL('guard', import.meta.url).href;
const own: string = import.meta.url;

/**
 * The file whose code called into the guard: a path, a URL or the name of a module of Node; undefined when it was called by
 * no code at all. Costs some microseconds.
 */
export function callingFile(): string | undefined {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 10;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  for (const line of stack.split('\n').slice(1)) {
    // The name of a function may look like a place, so the place in parentheses comes first.
    const place =
      /\(((?:file:|node:|\/|[A-Z]:).*):\d+:\d+\)$/.exec(line) ?? /at (?:async )?((?:file:|node:|\/|[A-Z]:).*):\d+:\d+$/.exec(line);
    const file = place?.[1];
    if (file !== undefined && file !== own && !file.startsWith(guard)) return file;
  }
  return undefined;
}
