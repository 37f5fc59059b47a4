/** What the operating system knows of this program. */
export interface ProcessFacts {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** How long it runs. */
  readonly uptimeSeconds: number;
  /** Only where there is a `/proc`. */
  readonly linux?: {
    readonly openFiles: number;
    /** Infinity: as many as it likes. */
    readonly mostFiles: number;
    readonly virtualBytes: number;
    readonly mostVirtualBytes: number;
  };
}

/** Reads them anew; at once, as no disk has to turn for `/proc`. */
export function processFacts(): ProcessFacts {
  const { user, system } = globalThis.process.cpuUsage();
  const linux = linuxFacts();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: globalThis.process.memoryUsage.rss(),
    uptimeSeconds: globalThis.process.uptime(),
    ...(linux !== undefined && { linux }),
  };
}

function linuxFacts(): ProcessFacts['linux'] {
  const { readdirSync, readFileSync } = globalThis.process.getBuiltinModule('node:fs');
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const status = readFileSync('/proc/self/status', 'utf8');
    return {
      openFiles: readdirSync('/proc/self/fd').length,
      mostFiles: limitIn(limits, 'Max open files'),
      virtualBytes: Number(/^VmSize:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024,
      mostVirtualBytes: limitIn(limits, 'Max address space'),
    };
  } catch {
    return undefined; // another system, or one that does not let a program look at itself
  }
}

/** The soft limit. */
function limitIn(limits: string, name: string): number {
  const [, value = ''] = new RegExp(`^${name}\\s+(\\S+)`, 'm').exec(limits) ?? [];
  return value === 'unlimited' ? Number.POSITIVE_INFINITY : Number(value);
}
