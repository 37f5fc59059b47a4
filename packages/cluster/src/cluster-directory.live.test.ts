import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { liveKeySource } from '@coracle/apiserver';
import { LiveRuntime, type Process } from '@coracle/kernel';
import { ClusterDirectory, ClusterDirectoryError } from './cluster-directory.ts';
import { createPki, type Pki, renewedPki } from './pki.ts';
import { programVersion } from './version.ts';

const dayMs = 24 * 3600 * 1000;

let folder = '';
let directory: ClusterDirectory;
const process = new LiveRuntime().process('test');

/** The same process, so many days from now. */
function later(days: number): Process {
  const { clock } = process;
  return Object.create(process, { clock: { value: { ...clock, now: () => clock.now() + days * dayMs } } }) as Process;
}

function modes(at: string): readonly string[] {
  return readdirSync(at, { recursive: true, encoding: 'utf8' })
    .map((name) => `${(statSync(path.join(at, name)).mode & 0o777).toString(8)} ${name}`)
    .sort();
}

/** Says in a slot of META that a later program wrote it, with a checksum that fits. */
function asVersion(slot: Buffer, version: number): void {
  slot.writeUInt32LE(version, 8);
  slot.writeUInt32LE(crc32(slot.subarray(20, 20 + slot.readUInt32LE(16)), version), 12);
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ClusterDirectoryError, String(error));
    return error.message.replaceAll(folder, '');
  }
  assert.fail('it was not refused');
}

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'coracle-directory-'));
  directory = new ClusterDirectory(path.join(folder, 'a', 'cluster'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The keys, once they are on disk. */
async function keys(of: Process = process): Promise<Pki> {
  const { pki, kept } = directory.pki(of, liveKeySource);
  await kept;
  return pki;
}

describe('ClusterDirectory', () => {
  test('is its owner’s alone, down to each file', async () => {
    directory.open();
    const store = await directory.openStore(process);
    await keys();
    directory.writeKubeconfig('a kubeconfig');
    directory.writePid(4711);
    assert.equal(statSync(directory.path).mode & 0o777, 0o700);
    const found = modes(directory.path);
    assert.deepEqual(
      found.filter((line) => !/^(700 (pki|store|store\/wal|store\/snap)|600 .+)$/.test(line)),
      [],
    );
    for (const file of ['VERSION', 'kubeconfig', 'pid', 'pki/ca.key', 'pki/sa.key', 'store/META', 'store/LOCK'])
      assert.ok(found.includes(`600 ${file}`), file);
    assert.equal(readFileSync(path.join(directory.path, 'VERSION'), 'utf8'), `${programVersion}\n`);
    directory.removePid();
    await store.close();
    assert.ok(!existsSync(path.join(directory.path, 'pid')));
    assert.ok(!existsSync(path.join(directory.store, 'LOCK')));
  });

  test('open() makes a directory private that was open to others', () => {
    mkdirSync(directory.path, { recursive: true, mode: 0o755 });
    directory.open();
    assert.equal(statSync(directory.path).mode & 0o777, 0o700);
  });

  test('open() refuses a directory of another user, and leaves it as it is', {
    skip: globalThis.process.getuid?.() !== 0 && 'only root can give a directory away',
  }, () => {
    mkdirSync(directory.path, { recursive: true, mode: 0o755 });
    chownSync(directory.path, 12_345, 12_345);
    assert.equal(
      refusal(() => directory.open()),
      'Cannot use "/a/cluster" as the directory of a cluster: it belongs to user 12345, not to 0; run as its owner, or choose another directory',
    );
    assert.deepEqual([statSync(directory.path).mode & 0o777, readdirSync(directory.path)], [0o755, []]);
  });

  test('open() refuses a file in its place, or on the way to it', () => {
    writeFileSync(path.join(folder, 'a'), '');
    assert.match(
      refusal(() => directory.open()),
      /^Cannot use "\/a\/cluster" .*: it is not a directory, or something on the way to it is none; choose another directory$/,
    );
    assert.match(
      refusal(() => new ClusterDirectory(path.join(folder, 'a')).open()),
      /^Cannot use "\/a" .*: it is not a directory/,
    );
  });

  test('open() explains a path that the system refuses for other reasons', () => {
    symlinkSync('loop', path.join(folder, 'loop'));
    assert.match(
      refusal(() => new ClusterDirectory(path.join(folder, 'loop', 'cluster')).open()),
      /ELOOP.*; choose another directory$/,
    );
  });

  test('openStore() refuses the directory of a live process, and names it', async () => {
    directory.open();
    await using _first = await directory.openStore(process);
    await assert.rejects(directory.openStore(process), (error) => {
      assert.ok(error instanceof ClusterDirectoryError);
      assert.match(
        error.message,
        new RegExp(`/a/cluster/store": it is in use by process ${globalThis.process.pid}; stop that first, or choose another directory$`),
      );
      return true;
    });
  });

  test('openStore() refuses a newer format, and says which program wrote it', async () => {
    directory.open();
    await (await directory.openStore(process)).close();
    writeFileSync(path.join(directory.path, 'VERSION'), '7.1.0\n');
    const meta = path.join(directory.store, 'META');
    const bytes = readFileSync(meta);
    for (const slot of [0, 4096])
      if (bytes.toString('latin1', slot, slot + 8) === 'CORAMETA') asVersion(bytes.subarray(slot, slot + 4096), 9);
    writeFileSync(meta, bytes);
    await assert.rejects(directory.openStore(process), (error) => {
      assert.ok(error instanceof ClusterDirectoryError);
      assert.match(
        error.message,
        /its format is version 9, this program knows versions up to 3; use the program that wrote it, or a newer one \(it was last used by Coracle 7\.1\.0, this is /,
      );
      return true;
    });
    assert.equal(readFileSync(path.join(directory.path, 'VERSION'), 'utf8'), '7.1.0\n');
  });

  test('openStore() writes down the version of the program that uses it now', async () => {
    directory.open();
    writeFileSync(path.join(directory.path, 'VERSION'), '0.0.1\n');
    await (await directory.openStore(process)).close();
    assert.equal(readFileSync(path.join(directory.path, 'VERSION'), 'utf8'), `${programVersion}\n`);
  });

  test('pki() makes keys once, and reads them afterwards', async () => {
    directory.open();
    const made = await keys();
    assert.deepEqual(await keys(), made);
  });

  test('pki() starts over where a start was killed while it made keys', async () => {
    directory.open();
    mkdirSync(path.join(directory.path, 'pki.new'));
    writeFileSync(path.join(directory.path, 'pki.new', 'ca.key'), 'half a k');
    await keys();
    assert.deepEqual(readdirSync(directory.path), ['pki']);
  });

  const remedy = ': restore it, or remove "/a/cluster/pki" to have new keys made';
  for (const { fault, says, harm } of [
    { fault: 'a missing file', says: `"/a/cluster/pki/ca.key" is missing${remedy}`, harm: (pki) => rmSync(path.join(pki, 'ca.key')) },
    {
      fault: 'a damaged certificate',
      says: `"/a/cluster/pki/apiserver.crt" is not a certificate${remedy}`,
      harm: (pki) => writeFileSync(path.join(pki, 'apiserver.crt'), '-----BEGIN'),
    },
    {
      fault: 'an empty key',
      says: `"/a/cluster/pki/sa.key" is not a private key${remedy}`,
      harm: (pki) => writeFileSync(path.join(pki, 'sa.key'), ''),
    },
    {
      fault: 'a key of another certificate',
      says: `"/a/cluster/pki/admin.crt" does not belong to "/a/cluster/pki/admin.key"${remedy}`,
      harm: (pki) => writeFileSync(path.join(pki, 'admin.key'), liveKeySource.keyPair().privateKey),
    },
    {
      fault: 'a certificate of another authority',
      says: `"/a/cluster/pki/apiserver.crt" was not issued by "/a/cluster/pki/ca.crt"${remedy}`,
      harm: (pki) => {
        const { authority } = createPki(process, liveKeySource);
        writeFileSync(path.join(pki, 'ca.key'), authority.keys.privateKey);
        writeFileSync(path.join(pki, 'ca.crt'), authority.certificate);
      },
    },
  ] satisfies readonly { fault: string; says: string; harm(pki: string): void }[]) {
    test(`pki() refuses ${fault}`, async () => {
      directory.open();
      await keys();
      harm(path.join(directory.path, 'pki'));
      assert.equal(
        refusal(() => directory.pki(process, liveKeySource)),
        says,
      );
    });
  }

  test('pki() renews certificates that end soon, with the keys and the authority that clients know', async () => {
    directory.open();
    const made = await keys();
    const renewed = await keys(later(300));
    assert.deepEqual([renewed.authority, renewed.server.keys, renewed.admin.keys], [made.authority, made.server.keys, made.admin.keys]);
    for (const { certificate } of [renewed.server, renewed.admin]) {
      const parsed = new X509Certificate(certificate);
      assert.ok(Date.parse(parsed.validTo) > later(660).clock.now());
      assert.ok(parsed.verify(new X509Certificate(made.authority.certificate).publicKey));
    }
    assert.deepEqual(await keys(later(301)), renewed);
  });
});

test('renewedPki() leaves alone what lasts', () => {
  const pki: Pki = createPki(process, liveKeySource);
  assert.equal(renewedPki(later(200), pki), pki);
  assert.notEqual(renewedPki(later(280), pki), pki);
});
