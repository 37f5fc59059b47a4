import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readTar, tarEnd, TarError, tarHeader, tarPadding } from './tar.ts';

const encoder = new TextEncoder();

function archive(...files: readonly (readonly [name: string, text: string])[]): Uint8Array {
  const parts = files.flatMap(([name, text]) => {
    const bytes = encoder.encode(text);
    return [
      tarHeader({ name, type: name.endsWith('/') ? 'directory' : 'file', mode: 0o640, size: bytes.length }),
      bytes,
      tarPadding(bytes.length),
    ];
  });
  return Buffer.concat([...parts, tarEnd]);
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Uint8Array, size = 1000, reads: (name: string) => boolean = () => true): Promise<string[]> {
  const seen: string[] = [];
  await readTar(inPieces(bytes, size), async ({ name, type, mode, size: bytesOf }, content) => {
    let text = '';
    if (reads(name)) for await (const chunk of content) text += new TextDecoder().decode(chunk);
    seen.push(`${type} ${name} ${mode.toString(8)} ${bytesOf} ${text}`);
  });
  return seen;
}

/** A header as somebody else writes it, its sum set right. */
function changed(bytes: Uint8Array, change: (header: Uint8Array) => void): Uint8Array {
  const header = Uint8Array.from(bytes);
  change(header);
  header.fill(0x20, 148, 156);
  const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  header.set(encoder.encode(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  return header;
}

describe('tar', () => {
  const long = `${'folder/'.repeat(20)}ü-${'x'.repeat(120)}`;

  for (const size of [1, 7, 512, 1000, 100_000]) {
    test(`what is written is read again, in pieces of ${size} bytes`, async () => {
      const bytes = archive(['d/', ''], ['d/a', 'one'], ['d/empty', ''], [long, 'x'.repeat(600)], ['d/full', 'y'.repeat(512)]);
      assert.deepEqual(await read(bytes, size), [
        'directory d/ 640 0 ',
        'file d/a 640 3 one',
        'file d/empty 640 0 ',
        `file ${long} 640 600 ${'x'.repeat(600)}`,
        `file d/full 640 512 ${'y'.repeat(512)}`,
      ]);
    });
  }

  test('what nobody reads of an entry is skipped', async () => {
    const bytes = archive(['a', 'x'.repeat(2000)], ['b', 'two']);
    assert.deepEqual(await read(bytes, 300, (name) => name === 'b'), ['file a 640 2000 ', 'file b 640 3 two']);
  });

  test('long names and targets of GNU tar', async () => {
    const name = encoder.encode(`${'g'.repeat(150)}\0`);
    const longLink = changed(
      tarHeader({ name: '././@LongLink', type: 'file', mode: 0, size: name.length }),
      (header) => (header[156] = 0x4c),
    );
    const bytes = Buffer.concat([longLink, name, tarPadding(name.length), archive(['short', 'text'])]);
    assert.deepEqual(await read(bytes), [`file ${'g'.repeat(150)} 640 4 text`]);
  });

  test('a name in two parts, a size in base 256, a symlink', async () => {
    const [header] = [tarHeader({ name: 'name', type: 'file', mode: 0o644, size: 4 })];
    const split = changed(header, (block) => block.set(encoder.encode('first'), 345));
    const large = changed(header, (block) => block.set([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4], 124));
    const link = changed(tarHeader({ name: 'l', type: 'file', mode: 0o777, size: 0 }), (block) => {
      block[156] = 0x32;
      block.set(encoder.encode('/etc/passwd'), 157);
    });
    const text = Buffer.concat([encoder.encode('text'), tarPadding(4)]);
    assert.deepEqual(await read(Buffer.concat([split, text, large, text, link, tarEnd])), [
      'file first/name 644 4 text',
      'file name 644 4 text',
      'symlink l 777 0 ',
    ]);
  });

  const good = archive(['a', 'x'.repeat(600)]);
  const refused: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['nothing', new Uint8Array(), /it has no end/],
    ['half a header', good.subarray(0, 300), /it breaks off$/],
    ['half a file', good.subarray(0, 900), /breaks off within a file/],
    ['no end mark', good.subarray(0, 1536), /it has no end/],
    ['a wrong sum', Uint8Array.from(good, (byte, at) => (at === 0 ? byte + 1 : byte)), /the sum of a header is wrong/],
    ['something else', encoder.encode('tar: not found\n'.repeat(100)), /is no number|sum of a header/],
    ['a size that is none', changed(good, (header) => header.set(encoder.encode('99999999999'), 124)), /is no number/],
    [
      'a size without bound',
      changed(good, (header) => header.set([0x80, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 124)),
      /an entry of .* bytes/,
    ],
    [
      'a header that is too long',
      changed(tarHeader({ name: 'x', type: 'file', mode: 0, size: 1 << 20 }), (header) => (header[156] = 0x78)),
      /a header of 1048576 bytes/,
    ],
    [
      'a pax header of another form',
      Buffer.concat([
        changed(tarHeader({ name: 'x', type: 'file', mode: 0, size: 4 }), (header) => (header[156] = 0x78)),
        encoder.encode('9 a='),
        tarPadding(4),
        tarEnd,
      ]),
      /a pax header of another form/,
    ],
  ];
  for (const [name, bytes, want] of refused)
    test(`refuses ${name}`, () => assert.rejects(read(bytes), (error) => error instanceof TarError && want.test(error.message)));

  test('writes no name that no archive has', () => {
    for (const name of ['', 'a\0b']) assert.throws(() => tarHeader({ name, type: 'file', mode: 0, size: 0 }), TarError);
  });
});
