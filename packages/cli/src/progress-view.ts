import type { ComponentProgress } from '@coracle/cluster';
import type { Terminal } from './terminal.ts';

/** How far things are, for a person who looks on. */
export interface ProgressView extends Disposable {
  /** A line that stays. */
  say(line: string): void;
  /** The state of the components, which takes the place of the one before. */
  show(lines: readonly ComponentProgress[]): void;
  /** What is shown stays, and nothing takes its place any more. */
  end(): void;
  /** Runs `write`, which writes to the terminal by itself, where it does not meet the view. */
  aside(write: () => void): void;
}

/** On a screen one line a component, changed in place; elsewhere a line for each change. */
export function progressView(terminal: Terminal): ProgressView {
  return terminal.screen === undefined ? new LineView(terminal) : new ScreenView(terminal, terminal.screen);
}

class LineView implements ProgressView {
  readonly #stdout: Terminal['stdout'];
  readonly #shown = new Map<string, string>();

  constructor({ stdout }: Terminal) {
    this.#stdout = stdout;
  }

  say(line: string): void {
    this.#stdout.write(`${line}\n`);
  }

  show(lines: readonly ComponentProgress[]): void {
    for (const line of lines) {
      const text = textOf(line);
      if (this.#shown.get(line.component) === text) continue;
      this.#shown.set(line.component, text);
      this.say(text);
    }
  }

  end(): void {
    this.#shown.clear();
  }

  aside(write: () => void): void {
    write();
  }

  [Symbol.dispose](): void {}
}

const green = '\x1b[32m';
const plain = '\x1b[39m';
const eraseBelow = '\x1b[J';

/** The lines of `show` are the last ones on the screen; what stays scrolls away above them. */
class ScreenView implements ProgressView {
  readonly #stdout: Terminal['stdout'];
  readonly #screen: NonNullable<Terminal['screen']>;
  readonly #hasColour: boolean;
  readonly #resized: Disposable;
  #lines: readonly ComponentProgress[] = [];
  /** Lengths of the lines as they were drawn. */
  #drawn: readonly number[] = [];

  constructor({ stdout, env }: Terminal, screen: NonNullable<Terminal['screen']>) {
    this.#stdout = stdout;
    this.#screen = screen;
    this.#hasColour = (env['NO_COLOR'] ?? '') === '';
    this.#resized = screen.onResize(() => this.#draw(''));
  }

  say(line: string): void {
    this.#draw(`${line}\n`);
  }

  show(lines: readonly ComponentProgress[]): void {
    this.#lines = lines;
    this.#draw('');
  }

  end(): void {
    this.#lines = [];
    this.#drawn = [];
  }

  aside(write: () => void): void {
    this.#stdout.write(this.#erasure());
    this.#drawn = [];
    write();
    this.#draw('');
  }

  [Symbol.dispose](): void {
    this.#resized[Symbol.dispose]();
  }

  #draw(above: string): void {
    const erasure = this.#erasure();
    // One column is left free: a line that fills the last one makes some terminals begin another.
    const room = Math.max(1, this.#columns() - 1);
    const texts = this.#lines.map((line) => shortened(textOf(line), room));
    this.#drawn = texts.map((text) => text.length);
    const block = texts.map((text) => `${this.#coloured(text)}\n`).join('');
    this.#stdout.write(`${erasure}${above}${block}`);
  }

  /** Back to the first line of the block. A terminal that was made narrower since has broken its lines. */
  #erasure(): string {
    const columns = this.#columns();
    const rows = this.#drawn.reduce((sum, length) => sum + Math.max(1, Math.ceil(length / columns)), 0);
    return rows === 0 ? '' : `\x1b[${rows}F${eraseBelow}`;
  }

  #columns(): number {
    return Math.max(1, this.#screen.columns());
  }

  #coloured(text: string): string {
    return this.#hasColour ? text.replace(/✓.*/, (done) => `${green}${done}${plain}`) : text;
  }
}

function textOf({ component, ready, desired, waitsFor }: ComponentProgress): string {
  return printable(`  ${component.padEnd(6)}${`${ready}/${desired}`.padEnd(6)}${waitsFor === '' ? '✓ ready' : `waits for ${waitsFor}`}`);
}

/** Messages come from whoever wrote a status: they must not move the cursor. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

function shortened(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, room - 1)}…`;
}
