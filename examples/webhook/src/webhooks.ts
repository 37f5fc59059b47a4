import type { Frozen } from '@coracle/apimachinery';
import type { WebhookServer } from '@coracle/controller-runtime';
import { type Website, type WebsiteBeta, websites } from './websites.ts';

/** Such a site is not deleted before somebody takes the annotation off. */
export const protectedAnnotation = 'web.example.com/protected';

/** Paths that the server serves now. */
export interface Paths {
  readonly mutate: string;
  readonly validate: string;
  readonly convert: string;
}

/** Defaults, checks and conversions of Websites. */
export function addWebhooks(server: WebhookServer): Paths {
  return {
    mutate: server.mutate(websites, ({ spec, ...site }) => ({ ...site, spec: { scheme: 'https' as const, pages: 1, ...spec } })),
    validate: server.validate(websites, {
      create({ spec }, { warn }) {
        if (!/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(spec.host)) throw new Error(`"${spec.host}" is no host name`);
        if (spec.scheme === 'http') warn('everybody on the way can read what is sent over http');
      },
      update(old, { spec }) {
        if (spec.host !== old.spec.host) throw new Error('a site keeps its host: make a new one');
      },
      delete({ metadata }) {
        if (metadata.annotations?.[protectedAnnotation] !== undefined) throw new Error(`it is protected by "${protectedAnnotation}"`);
      },
    }),
    convert: server.convert({
      group: websites.group,
      kind: websites.kind,
      hub: websites.version,
      spokes: {
        v1beta1: {
          toHub(site) {
            const { address, ...spec } = (site as Frozen<WebsiteBeta>).spec; // of this version
            const [, scheme, host = address] = /^(https?):\/\/(.*)$/.exec(address) ?? [];
            return { ...site, spec: { ...spec, host, ...(scheme !== undefined && { scheme }) } };
          },
          fromHub(site) {
            const { host, scheme, ...spec } = (site as Frozen<Website>).spec; // of the hub
            return { ...site, spec: { ...spec, address: scheme === undefined ? host : `${scheme}://${host}` } };
          },
        },
      },
    }),
  };
}
