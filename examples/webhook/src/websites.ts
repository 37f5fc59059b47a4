import type { KubeObject } from '@coracle/apimachinery';
import { type ResourceHandle, resourceHandle } from '@coracle/client';

/** A site that somebody wants to have served. This is the version that is stored. */
export interface Website extends KubeObject {
  readonly spec: {
    readonly host: string;
    /** Default `https`. */
    readonly scheme?: 'http' | 'https';
    /** Default 1. */
    readonly pages?: number;
  };
}

/** As it was at first: scheme and host were one text. */
export interface WebsiteBeta extends KubeObject {
  readonly spec: { readonly address: string; readonly pages?: number };
}

const row = { group: 'web.example.com', resource: 'websites', kind: 'Website', namespaced: true };

/** The version that is stored. */
export const websites: ResourceHandle<Website> = resourceHandle<Website>({ ...row, version: 'v1' });
/** The version that is converted. */
export const betaWebsites: ResourceHandle<WebsiteBeta> = resourceHandle<WebsiteBeta>({ ...row, version: 'v1beta1' });
