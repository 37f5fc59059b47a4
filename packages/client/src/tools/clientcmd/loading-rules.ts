import path from 'node:path';
import type { Process } from '@coracle/kernel';
import { fileFault, type Host, isMissing } from '../../rest/host.ts';
import { emptyKubeconfig, type Kubeconfig, KubeconfigError, readKubeconfig } from './kubeconfig.ts';
import { merged } from './merge.ts';
import { resolveLocalPaths } from './paths.ts';
import { aggregated } from './validation.ts';

/** Which files `LoadingRules` reads (client-go tools/clientcmd ClientConfigLoadingRules). */
export interface LoadingRulesOptions {
  readonly host: Host;
  /** This file alone, which must be there. */
  readonly explicitPath?: string;
  /** Default: the files of KUBECONFIG, or `~/.kube/config`. */
  readonly precedence?: readonly string[];
  /** New file to old one, copied when the new one is missing. Default: as kubectl has it. */
  readonly migrationRules?: ReadonlyMap<string, string>;
  /** Leaves relative paths as they stand in the files. Default false. */
  readonly keepPaths?: boolean;
  /** Told when every file of KUBECONFIG is missing. */
  readonly log?: Process['log'];
}

/** Which kubeconfig files are read, and how they become one (client-go tools/clientcmd ClientConfigLoadingRules). */
export class LoadingRules {
  readonly host: Host;
  readonly explicitPath: string;
  readonly #precedence: readonly string[];
  readonly #migrationRules: ReadonlyMap<string, string>;
  readonly #keepPaths: boolean;
  readonly #warnsIfAllMissing: boolean;
  readonly #log: Process['log'] | undefined;

  constructor({ host, explicitPath = '', precedence, migrationRules, keepPaths = false, log }: LoadingRulesOptions) {
    const fromEnvironment = host.environment['KUBECONFIG'] ?? '';
    const homeFile = path.join(host.homeDirectory, '.kube', 'config');
    this.host = host;
    this.explicitPath = explicitPath;
    this.#precedence = precedence ?? (fromEnvironment === '' ? [homeFile] : [...new Set(fromEnvironment.split(path.delimiter))]);
    this.#migrationRules = migrationRules ?? new Map([[homeFile, path.join(host.homeDirectory, '.kube', '.kubeconfig')]]);
    this.#keepPaths = keepPaths;
    this.#warnsIfAllMissing = precedence === undefined && fromEnvironment !== '';
    this.#log = log;
  }

  /** The files, first one first. */
  get loadingPrecedence(): readonly string[] {
    return this.explicitPath === '' ? this.#precedence : [this.explicitPath];
  }

  /** Where a new entry is written: the first file that is there, else the first. */
  get defaultFilename(): string {
    if (this.explicitPath !== '') return this.explicitPath;
    return this.#precedence.find((file) => this.host.stat(file) !== undefined) ?? this.#precedence[0] ?? '';
  }

  /** All files as one config: of each key, and of each single value, the first file that has it. Throws KubeconfigError for files that cannot be read. */
  load(): Kubeconfig {
    this.#migrate();
    if (this.explicitPath !== '' && this.host.stat(this.explicitPath) === undefined) {
      throw new KubeconfigError(`stat ${this.explicitPath}: no such file or directory`);
    }
    const configs: Kubeconfig[] = [];
    const missing: string[] = [];
    const faults: Error[] = [];
    for (const file of this.loadingPrecedence) {
      if (file === '') continue;
      try {
        configs.push(readKubeconfig(this.host.readFile(file), file));
      } catch (error) {
        if (isMissing(error)) missing.push(file);
        else
          faults.push(
            new Error(
              `error loading config file "${file}": ${error instanceof KubeconfigError ? error.message : fileFault('open', file, error)}`,
              { cause: error },
            ),
          );
      }
    }
    if (faults.length > 0) throw new KubeconfigError(aggregated(faults), { cause: faults[0] });
    if (this.#warnsIfAllMissing && missing.length > 0 && configs.length === 0) this.#log?.warn(`Config not found: ${missing.join(', ')}`);
    const config = configs.reduceRight<Kubeconfig>((all, each) => merged(all, each), emptyKubeconfig);
    return this.#keepPaths ? config : resolveLocalPaths(config, this.host.currentDirectory);
  }

  /** One file of the list alone; empty when it is missing. */
  loadFile(file: string): Kubeconfig {
    try {
      return readKubeconfig(this.host.readFile(file), file);
    } catch (error) {
      if (isMissing(error)) return emptyKubeconfig;
      throw error instanceof KubeconfigError ? error : new KubeconfigError(fileFault('open', file, error), { cause: error });
    }
  }

  #migrate(): void {
    for (const [target, source] of this.#migrationRules) {
      const from = this.host.stat(target) === undefined ? this.host.stat(source) : undefined;
      if (from === undefined) continue;
      if (from.isDirectory) throw new KubeconfigError(`cannot migrate ${source} to ${target} because it is a directory`);
      this.host.writeFile(target, this.host.readFile(source), { mode: from.mode & 0o666 });
    }
  }
}
