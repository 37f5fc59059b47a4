import { promisify } from 'node:util';
import type { Guarding, Patch } from './guard.ts';

/** What no simulation can replay: refused in every mode. */
export function refusals(): readonly Patch[] {
  return [...ofGlobals(), ...ofModules()];
}

const dialer = 'use a Dialer that was given to it';
const disk = 'use a Disk that was given to it, or the Sync function';
const keys = 'use a KeySource that was given to it';

function ofGlobals(): readonly Patch[] {
  const of = (key: string, advice: string): Patch => refusal(globalThis, key, key, advice);
  return [
    of('fetch', dialer),
    of('WebSocket', dialer),
    of('EventSource', dialer),
    of('WeakRef', 'when it is collected differs from run to run'),
    of('FinalizationRegistry', 'when it runs differs from run to run'),
    ...['wait', 'waitAsync'].map((key) => refusal(Atomics, key, `Atomics.${key}`, 'there is only one thread')),
  ].filter(({ owner, key }) => Reflect.get(owner, key) !== undefined);
}

function ofModules(): readonly Patch[] {
  const module = (name: string): object => process.getBuiltinModule(name) ?? {};
  const net = process.getBuiltinModule('node:net');
  const crypto = module('node:crypto');
  return [
    ...functionsOf('node:fs', (key, fs) => Object.hasOwn(fs, `${key}Sync`) || /^(create.*Stream|watch|watchFile)$/.test(key), disk),
    ...functionsOf('node:fs/promises', () => true, disk),
    ...functionsOf('node:zlib', (key, zlib) => Object.hasOwn(zlib, `${key}Sync`), 'use the Sync function'),
    ...functionsOf('node:dns', (key) => !/^(get|set)/.test(key), dialer),
    ...functionsOf('node:dns/promises', (key) => !/^(get|set)/.test(key), dialer),
    ...functionsOf('node:child_process', () => true, 'only the shell starts programs'),
    refusal(module('node:worker_threads'), 'Worker', 'node:worker_threads Worker', 'one simulation is one thread'),
    refusal(module('node:dgram'), 'createSocket', 'node:dgram createSocket', dialer),
    // That Socket.connect is refused does for the first two inside a process; outside it is Node that would seem to call it.
    ...functionsOf('node:net', (key) => /^(connect|createConnection)$/.test(key), dialer),
    ...functionsOf('node:tls', (key) => key === 'connect', dialer),
    ...functionsOf('node:http', (key) => /^(get|request)$/.test(key), dialer),
    ...functionsOf('node:https', (key) => /^(get|request)$/.test(key), dialer),
    ...functionsOf('node:http2', (key) => key === 'connect', dialer),
    refusal(net.Socket.prototype, 'connect', 'node:net Socket.connect', dialer),
    refusal(net.Server.prototype, 'listen', 'node:net Server.listen', dialer),
    ...['generateKeyPair', 'generateKeyPairSync', 'generateKey', 'generateKeySync', 'generatePrime', 'generatePrimeSync'].map((key) =>
      // Outside of every process they may be made once, before the simulation begins.
      refusal(crypto, key, `node:crypto ${key}`, keys, 'refusedInside'),
    ),
    ...['scrypt', 'pbkdf2', 'hkdf'].map((key) => refusal(crypto, key, `node:crypto ${key}`, 'use the Sync function')),
  ];
}

function functionsOf(name: string, isRefused: (key: string, module: object) => boolean, advice: string): readonly Patch[] {
  const module: object = process.getBuiltinModule(name) ?? {};
  return Object.keys(module)
    .filter((key) => typeof Reflect.get(module, key) === 'function' && /^[a-z]/.test(key) && isRefused(key, module))
    .map((key) => refusal(module, key, `${name} ${key}`, advice));
}

function refusal(owner: object, key: string, name: string, advice: string, how: 'refused' | 'refusedInside' = 'refused'): Patch {
  /** A proxy, so that what is called, constructed or inherited from is one and the same. */
  const proxied = (original: object, guarding: Guarding): object =>
    new Proxy(original, {
      apply(target, receiver, args) {
        guarding[how](name, advice);
        return Reflect.apply(target as () => unknown, receiver, args); // only functions have this trap called
      },
      construct(target, args, newTarget) {
        guarding[how](name, advice);
        return Reflect.construct(target as new () => object, args, newTarget); // only constructors have this trap called
      },
    });
  return {
    owner,
    key,
    replace(original, guarding) {
      if (typeof original !== 'function') return original;
      const refusing = proxied(original, guarding);
      const custom: unknown = Reflect.get(original, promisify.custom);
      if (typeof custom !== 'function') return refusing;
      // The promised form of exec is fixed on it, which a proxy has to respect; a function of ours can have another.
      const call = (...args: readonly unknown[]): unknown => Reflect.apply(refusing as () => unknown, undefined, args);
      return Object.assign(call, { [promisify.custom]: proxied(custom, guarding) });
    },
  };
}
