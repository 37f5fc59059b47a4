/** One line that a container wrote. `atMs` is when it ended. */
export interface LogLine {
  readonly atMs: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** What of a log is wanted: PodLogOptions, checked. */
export interface LogSelection {
  readonly tailLines?: number | undefined;
  readonly sinceMs?: number | undefined;
  readonly timestamps?: boolean;
  readonly stream?: LogLine['stream'] | undefined;
}

const limitChars = 256 * 1024;
/** A longer line is broken, as the container runtime does. */
const longestLine = 16 * 1024;

/** The output of one run of a container. Keeps at least the last 256 Ki characters; older lines are dropped. */
export class ContainerLog {
  #lines: LogLine[];
  #first = 0; // number of lines dropped, so that followers keep their place
  #chars = 0;
  #ended = false;
  readonly #open: Map<LogLine['stream'], string> = new Map();
  readonly #now: () => number;
  readonly #followers = new Set<() => void>();

  /** `now` is wall time in ms. */
  constructor(now: () => number, lines: readonly LogLine[] = []) {
    this.#now = now;
    this.#lines = [...lines];
    for (const line of lines) this.#chars += line.text.length;
  }

  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  get ended(): boolean {
    return this.#ended;
  }

  write(stream: LogLine['stream'], text: string): void {
    if (this.#ended) return;
    const parts = `${this.#open.get(stream) ?? ''}${text}`.split('\n');
    let rest = parts.pop() ?? '';
    for (const part of parts) this.#push(stream, part);
    while (rest.length > longestLine) {
      this.#push(stream, rest.slice(0, longestLine));
      rest = rest.slice(longestLine);
    }
    this.#open.set(stream, rest);
    if (parts.length > 0) this.#wake();
  }

  /** The container has ended: what it left without a line break becomes a line. */
  end(): void {
    for (const [stream, rest] of this.#open) if (rest !== '') this.#push(stream, rest);
    this.#open.clear();
    this.#ended = true;
    this.#wake();
  }

  /** Lines from number `from` (counted since the start), and the number after the last. */
  since(from: number): { readonly lines: readonly LogLine[]; readonly next: number } {
    return { lines: this.#lines.slice(Math.max(0, from - this.#first)), next: this.#first + this.#lines.length };
  }

  /** Calls `wake` after each change until disposed. */
  follow(wake: () => void): Disposable {
    this.#followers.add(wake);
    return { [Symbol.dispose]: () => void this.#followers.delete(wake) };
  }

  #push(stream: LogLine['stream'], text: string): void {
    this.#lines.push(Object.freeze({ atMs: this.#now(), stream, text }));
    this.#chars += text.length + 1;
    if (this.#chars <= limitChars * 1.25) return; // drops a fifth at a time, not the array for each line
    let dropped = 0;
    while (this.#chars > limitChars && dropped < this.#lines.length - 1) this.#chars -= (this.#lines[dropped++]?.text.length ?? 0) + 1;
    this.#lines = this.#lines.slice(dropped);
    this.#first += dropped;
  }

  #wake(): void {
    for (const wake of [...this.#followers]) wake();
  }
}

/** The lines that `selection` asks for. */
export function selectLines(lines: readonly LogLine[], { tailLines, sinceMs, stream }: LogSelection): readonly LogLine[] {
  const wanted = lines.filter(
    (line) => (sinceMs === undefined || line.atMs >= sinceMs) && (stream === undefined || line.stream === stream),
  );
  return tailLines === undefined ? wanted : wanted.slice(Math.max(0, wanted.length - tailLines));
}

/** As `kubectl logs` prints it; with timestamps as the container runtime writes them, in nanoseconds. */
export function formatLine(line: LogLine, timestamps: boolean): string {
  return timestamps ? `${new Date(line.atMs).toISOString().slice(0, 23)}000000Z ${line.text}\n` : `${line.text}\n`;
}
