import type { Random } from '@coracle/kernel';
import { scrypt, scryptSync, timingSafeEqual } from 'node:crypto';

/** How passwords are kept. etcd uses bcrypt, which Node does not have; nobody but the store reads what is kept. */
export interface Passwords {
  hash(password: string): Promise<string>;
  /** Whether it is the password that `kept` was made of. */
  matches(password: string, kept: string): Promise<boolean>;
}

export interface ScryptOptions {
  readonly random: Random;
  /** A power of two: time and memory grow with it. */
  readonly cost?: number;
  /** In another thread, so that the store goes on: for live servers. A simulation has one thread only. */
  readonly offThread?: boolean;
}

/** 16 MiB and some 50 ms. */
const defaultCost = 2 ** 14;
const keyBytes = 32;

export function scryptPasswords({ random, cost = defaultCost, offThread = false }: ScryptOptions): Passwords {
  const derive = offThread
    ? deriveOffThread
    : async (password: string, salt: Buffer, n: number) => scryptSync(password, salt, keyBytes, { N: n });
  return {
    async hash(password) {
      const salt = Buffer.from(random.bytes(16));
      const key = await derive(password, salt, cost);
      return `scrypt:${cost}:${salt.toString('base64')}:${key.toString('base64')}`;
    },
    async matches(password, kept) {
      const [kind, n, salt = '', key = ''] = kept.split(':');
      if (kind !== 'scrypt') return false;
      const derived = await derive(password, Buffer.from(salt, 'base64'), Number(n));
      const expected = Buffer.from(key, 'base64');
      return derived.length === expected.length && timingSafeEqual(derived, expected);
    },
  };
}

function deriveOffThread(password: string, salt: Buffer, cost: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, keyBytes, { N: cost }, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}
