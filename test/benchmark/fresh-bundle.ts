import path from 'node:path';
import { Bundle, root, TemporaryFolder } from './bundle.ts';

/** Compiled code of earlier starts is there, as it is for whoever starts the command a second time. */
export const keptCompileCache: string = path.join(root, 'node_modules/.cache/coracle/compile');

export interface FreshBundle extends AsyncDisposable {
  readonly bundle: Bundle;
  readonly durable: boolean;
}

/** The bundle on an empty store. */
export async function freshBundle(): Promise<FreshBundle> {
  const folder = new TemporaryFolder();
  try {
    const bundle = await Bundle.start({ directory: path.join(folder.path, 'cluster'), compileCache: keptCompileCache });
    return {
      bundle,
      durable: folder.isOnDisk,
      async [Symbol.asyncDispose]() {
        await bundle[Symbol.asyncDispose]();
        folder[Symbol.dispose]();
      },
    };
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}
