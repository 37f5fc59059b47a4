import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { type KubectlVersion, kubectl } from '../../tools/kubectl.ts';
import type { Hands, Named } from './voyage.ts';

const run = promisify(execFile);
const patience = '--timeout=60s';

/** A user with an unmodified kubectl. */
export class KubectlHands implements Hands {
  readonly #kubectl: string;
  readonly #env: Readonly<Record<string, string>>;

  constructor(options: { readonly version: KubectlVersion; readonly kubeconfig: string; readonly home: string }) {
    this.#kubectl = kubectl(options.version);
    this.#env = { HOME: options.home, KUBECONFIG: options.kubeconfig };
  }

  /** What kubectl prints; rejects with what it says when it fails. */
  async say(...args: readonly string[]): Promise<string> {
    return (await run(this.#kubectl, args, { env: this.#env, maxBuffer: 1 << 26 })).stdout;
  }

  async apply(yaml: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const { code, stderr } = await this.#applyOnce(yaml);
      if (code === 0) return;
      // A kind whose definition is in the same file is not served when kubectl looks for it.
      assert.match(stderr, /ensure CRDs are installed first/);
      assert.ok(attempt < 5, stderr);
      await this.say('wait', 'crd', '--all', '--for=condition=Established', patience);
    }
  }

  async becomes(object: Named, jsonPath: string, value: string): Promise<void> {
    const wildcard = jsonPath.includes('*');
    if (!wildcard) await this.say('wait', `--for=jsonpath=${jsonPath}=${value}`, ...where(object), patience);
    // kubectl waits for single values only.
    else await this.#watchUntil(object, jsonPath, value);
    assert.equal(await this.read(object, jsonPath), value);
  }

  async patch(object: Named, patch: object): Promise<void> {
    await this.say('patch', ...where(object), '--type=merge', `--patch=${JSON.stringify(patch)}`);
  }

  async remove(object: Named): Promise<void> {
    await this.say('delete', ...where(object), patience);
  }

  async collected(resource: string, namespace: string, instance: string): Promise<void> {
    const selector = instance === '' ? ['--all'] : [`--selector=app.kubernetes.io/instance=${instance}`];
    const found = await this.say('get', resource, `--namespace=${namespace}`, '--output=name', ...(instance === '' ? [] : selector));
    if (found !== '') await this.say('wait', resource, `--namespace=${namespace}`, ...selector, '--for=delete', patience);
  }

  read(object: Named, jsonPath: string): Promise<string> {
    return this.say('get', ...where(object), `--output=jsonpath=${jsonPath}`);
  }

  async #applyOnce(yaml: string): Promise<{ readonly code: number | null; readonly stderr: string }> {
    const child = spawn(this.#kubectl, ['apply', '--filename=-'], { env: this.#env, stdio: ['pipe', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdin.end(yaml);
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, stderr }));
    });
  }

  /** `kubectl get --watch` until a line is `value`. */
  async #watchUntil(object: Named, jsonPath: string, value: string): Promise<void> {
    const child = spawn(this.#kubectl, ['get', ...where(object), '--watch', `--output=jsonpath=${jsonPath}{"\\n"}`], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    const found = new Promise<void>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (more: string) => {
        text += more;
        if (text.split('\n').includes(value)) resolve();
      });
      child.once('error', reject);
      child.once('close', () => reject(new Error(`The watch ended before "${value}":\n${text}`)));
    });
    const deadline = AbortSignal.timeout(60_000);
    const late = new Promise<never>((_, reject) =>
      deadline.addEventListener('abort', () => reject(new Error(`Not "${value}" after a minute:\n${text}`)), { once: true }),
    );
    try {
      await Promise.race([found, late]);
    } finally {
      child.kill();
    }
  }
}

function where({ resource, namespace, name }: Named): readonly string[] {
  return [resource, name, ...(namespace === '' ? [] : [`--namespace=${namespace}`])];
}
