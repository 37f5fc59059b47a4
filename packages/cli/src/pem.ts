import { readFileSync } from 'node:fs';
import { UsageError } from './flags.ts';

/** What is in the file that a flag names. Throws UsageError. */
export function pem(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read --${flag} "${path}": ${error instanceof Error ? error.message : String(error)}`);
  }
}
