/** One line that a container wrote. `atMs` is when it ended. */
export interface LogLine {
  readonly atMs: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
  /** Present: the line was too long, and the next one of the stream goes on with it. */
  readonly isPartial?: boolean;
}

/** What of a log is wanted: PodLogOptions, checked. */
export interface LogSelection {
  readonly tailLines?: number | undefined;
  readonly sinceMs?: number | undefined;
  readonly timestamps?: boolean;
  readonly stream?: LogLine['stream'] | undefined;
}

/** What is kept at least of a log: characters, and for each line what its object takes. */
const keptSize = 256 * 1024;
const lineOverhead = 64;
/** A longer line is kept in pieces, as the container runtime does. */
const longestLine = 16 * 1024;
/** Lines of a longer text are copied out of it: a slice would keep all of it in memory. */
const longestShared = 64 * 1024;

/** The output of one run of a container: its last 256 Ki characters or, when lines are short, its last 4,000 lines and more. */
export class ContainerLog {
  #lines: LogLine[];
  #first = 0; // number of lines dropped, so that followers keep their place
  #size = 0;
  #ended = false;
  readonly #open: Map<LogLine['stream'], string> = new Map();
  readonly #now: () => number;
  readonly #followers = new Set<() => void>();

  /** `now` is wall time in ms. */
  constructor(now: () => number, lines: readonly LogLine[] = []) {
    this.#now = now;
    this.#lines = [...lines];
    for (const line of lines) this.#size += sizeOf(line);
  }

  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  get ended(): boolean {
    return this.#ended;
  }

  write(stream: LogLine['stream'], text: string): void {
    if (this.#ended) return;
    const own = text.length > longestShared ? copyOf : (part: string): string => part;
    const before = this.#first + this.#lines.length;
    const parts = `${this.#open.get(stream) ?? ''}${text}`.split('\n');
    const rest = parts.pop() ?? '';
    for (const part of parts) this.#push(stream, own(this.#pushPieces(stream, part, own)));
    this.#open.set(stream, own(this.#pushPieces(stream, rest, own)));
    if (this.#first + this.#lines.length > before) this.#wake();
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

  /** Pushes what of a line is too long for one; returns the rest of it. */
  #pushPieces(stream: LogLine['stream'], line: string, own: (part: string) => string): string {
    let start = 0;
    for (; line.length - start > longestLine; start += longestLine) this.#push(stream, own(line.slice(start, start + longestLine)), true);
    return line.slice(start);
  }

  #push(stream: LogLine['stream'], text: string, isPartial = false): void {
    const line: LogLine = Object.freeze({ atMs: this.#now(), stream, text, ...(isPartial ? { isPartial } : {}) });
    this.#lines.push(line);
    this.#size += sizeOf(line);
    if (this.#size <= keptSize * 1.25) return; // drops a fifth at a time, not the array for each line
    let dropped = 0;
    for (const oldest of this.#lines) {
      if (this.#size <= keptSize) break;
      this.#size -= sizeOf(oldest);
      dropped++;
    }
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

/** Lines as `kubectl logs` prints them: a piece of a line without a break after it, and the time where a line begins. */
export class LogFormat {
  readonly #timestamps: boolean;
  #isAtStart = true;

  constructor({ timestamps }: { readonly timestamps: boolean }) {
    this.#timestamps = timestamps;
  }

  /** What comes after what was formatted before. */
  format(lines: readonly LogLine[]): string {
    return lines.map((line) => this.#formatLine(line)).join('');
  }

  #formatLine({ atMs, text, isPartial = false }: LogLine): string {
    const time = this.#timestamps && this.#isAtStart ? `${new Date(atMs).toISOString().slice(0, 23)}000000Z ` : ''; // nanoseconds
    this.#isAtStart = !isPartial;
    return isPartial ? time + text : `${time}${text}\n`;
  }
}

function sizeOf({ text }: LogLine): number {
  return text.length + lineOverhead;
}

function copyOf(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}
