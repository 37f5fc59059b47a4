import { splitMetaNamespaceKey } from '@coracle/client';
import { keyText } from '../client/reader.ts';
import type { Request } from './reconcile.ts';

/** How a queue holds the requests of a controller: as texts, which are equal for requests that are one (Go's `request comparable`). */
export interface RequestType<R> {
  format(request: R): string;
  /** Of what `format` gave. */
  parse(text: string): R;
}

/** `namespace/name`, or `name` in the cluster scope. */
export const objectRequests: RequestType<Request> = { format: keyText, parse: splitMetaNamespaceKey };
