import type { WireHeaders } from '@coracle/apimachinery';
import type { UserInfo } from './user.ts';

/** What a connection proved about its peer. `organizations` and `commonName` are those of a verified client certificate. */
export interface PeerCertificate {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

export interface Credentials {
  readonly headers: WireHeaders;
  readonly certificate?: PeerCertificate;
}

/**
 * Finds out who a request comes from (k8s.io/apiserver pkg/authentication/authenticator). `undefined`: no credentials of
 * this kind. `'refused'`: credentials of this kind that are not valid.
 */
export interface Authenticator {
  authenticate(credentials: Credentials): Promise<UserInfo | 'refused' | undefined> | UserInfo | 'refused' | undefined;
}

/** The first authenticator that knows the credentials decides; a refusal ends the search. */
export function firstOf(authenticators: readonly Authenticator[]): Authenticator {
  return {
    async authenticate(credentials) {
      for (const authenticator of authenticators) {
        const found = authenticator.authenticate(credentials);
        const answer = found instanceof Promise ? await found : found;
        if (answer !== undefined) return answer;
      }
      return undefined;
    },
  };
}

/** A verified client certificate names its user: the common name; organizations are groups. */
export const certificateAuthenticator: Authenticator = {
  authenticate({ certificate }) {
    if (certificate === undefined || certificate.commonName === '') return undefined;
    return { name: certificate.commonName, groups: certificate.organizations };
  },
};
