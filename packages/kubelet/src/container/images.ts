import { createHash } from 'node:crypto';
import type { Program } from './program.ts';

/** An image reference taken apart as registries do: `nginx` is `docker.io/library/nginx:latest`. */
export interface ImageReference {
  /** With registry: `docker.io/library/nginx`. */
  readonly repository: string;
  readonly tag: string;
  readonly digest: string | undefined;
}

/** Throws TypeError for what is no image reference (InvalidImageName). */
export function parseImage(image: string): ImageReference {
  const match = /^([^@]+?)(?::([A-Za-z0-9_][\w.-]{0,127}))?(?:@([a-z0-9]+:[0-9a-f]{32,}))?$/.exec(image);
  const name = match?.[1] ?? '';
  if (match === null || !/^[a-z0-9][a-z0-9._-]*(:\d+)?(\/[a-z0-9][a-z0-9._-]*)*$/i.test(name)) {
    throw new TypeError(`couldn't parse image name "${image}": invalid reference format`);
  }
  const [first = '', ...rest] = name.split('/');
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const path = hasRegistry ? name : `docker.io/${rest.length === 0 ? `library/${name}` : name}`;
  return { repository: path, tag: match[2] ?? (match[3] === undefined ? 'latest' : ''), digest: match[3] };
}

/** `docker.io/library/nginx:latest`, as container statuses show it. */
export function imageName({ repository, tag, digest }: ImageReference): string {
  return tag === '' ? `${repository}@${digest ?? ''}` : `${repository}:${tag}`;
}

/** `docker.io/library/nginx@sha256:…`: the digest follows from the name, as nothing is downloaded. */
export function imageId(reference: ImageReference): string {
  const digest = reference.digest ?? `sha256:${createHash('sha256').update(imageName(reference)).digest('hex')}`;
  return `${reference.repository}@${digest}`;
}

/** Bytes of the image for events: as stable as the name. */
export function imageSize(reference: ImageReference): number {
  return 10_000_000 + (Number.parseInt(createHash('sha256').update(imageName(reference)).digest('hex').slice(0, 8), 16) % 200_000_000);
}

/** A program, or `missing`: the registry does not have the image. */
export type ImageEntry = Program | 'missing';

/**
 * Which program an image is. Patterns are `repository` (any tag) or `repository:tag`, each part with `*` for any text; of
 * several that match the last one wins. Docker's default registry may be left out on both sides.
 */
export class ProgramRegistry {
  readonly #entries: { readonly pattern: RegExp; readonly entry: ImageEntry }[] = [];
  readonly #fallback: ImageEntry;

  /** `fallback` is what runs for every other image. */
  constructor(options: { readonly fallback: ImageEntry; readonly programs?: Iterable<readonly [pattern: string, entry: ImageEntry]> }) {
    this.#fallback = options.fallback;
    for (const [pattern, entry] of options.programs ?? []) this.set(pattern, entry);
  }

  set(pattern: string, entry: ImageEntry): void {
    const colon = pattern.lastIndexOf(':');
    const hasTag = colon > pattern.lastIndexOf('/');
    const repository = hasTag ? pattern.slice(0, colon) : pattern;
    const tag = hasTag ? pattern.slice(colon + 1) : '*';
    this.#entries.push({ pattern: new RegExp(`^(docker\\.io/(library/)?)?${glob(repository)}:${glob(tag)}$`), entry });
  }

  /** The latest entry whose pattern matches. */
  find(reference: ImageReference): ImageEntry {
    const text = `${reference.repository}:${reference.tag}`;
    return this.#entries.findLast(({ pattern }) => pattern.test(text))?.entry ?? this.#fallback;
  }
}

function glob(pattern: string): string {
  return pattern
    .split('*')
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
}
