import type { DisksState } from '@coracle/kubelet';

/** The data of volumes as JSON has it. Throws TypeError for anything else. */
export function disksStateOf(value: unknown): DisksState {
  return listOf(value, 'the volumes').map((entry) => {
    const [uid, files] = pairOf(entry, 'a volume');
    if (typeof uid !== 'string') throw new TypeError('the uid of a volume is no text');
    return [uid, listOf(files, 'the files of a volume').map(fileOf)] as const;
  });
}

function fileOf(entry: unknown): readonly [path: string, content: string | { readonly base64: string }] {
  const [path, content] = pairOf(entry, 'a file');
  if (typeof path !== 'string') throw new TypeError('the path of a file is no text');
  if (typeof content === 'string') return [path, content];
  const { base64 } = (content ?? {}) as { readonly base64?: unknown };
  if (typeof base64 !== 'string') throw new TypeError('a file is neither text nor base64');
  return [path, { base64 }];
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${what} are no list`);
  return value;
}

function pairOf(value: unknown, what: string): readonly [unknown, unknown] {
  if (!Array.isArray(value) || value.length !== 2) throw new TypeError(`${what} is no pair`);
  return [value[0], value[1]];
}
