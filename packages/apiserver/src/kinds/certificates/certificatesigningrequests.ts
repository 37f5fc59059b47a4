import type { CertificateSigningRequest } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { nameIsPathSegment } from '../../registry/validate-metadata.ts';
import { validateRequest } from './csr-validation.ts';
import { hooksFor, selectable } from '../typed-hooks.ts';

export const certificatesigningrequests: KindHooks = hooksFor<CertificateSigningRequest>({
  strategy: {
    /** Who asks is what authentication says, not what the body says. */
    prepareForCreate(request, { user }) {
      const { username: _name, uid: _uid, groups: _groups, extra: _extra, ...spec } = request.spec;
      return {
        ...request,
        spec: {
          ...spec,
          username: user.name,
          ...(user.uid === undefined ? {} : { uid: user.uid }),
          ...(user.groups.length === 0 ? {} : { groups: user.groups }),
          ...(user.extra === undefined ? {} : { extra: user.extra }),
        },
      };
    },
    validate: validateRequest,
    // Names of requests follow no rule but that of paths.
    validateName: nameIsPathSegment,
    prepareForUpdate: (request, old) => ({ ...request, spec: old.spec }),
  },
  selectableFields: { 'spec.signerName': selectable((request) => request.spec.signerName) },
});
