import type { Role } from '@coracle/api';
import type { KindHooks } from '../../registry/kind-hooks.ts';
import { nameIsPathSegment } from '../../registry/validate-metadata.ts';
import { validateRules } from './rule-validation.ts';
import { hooksFor } from '../typed-hooks.ts';

export const roles: KindHooks = hooksFor<Role>({
  strategy: { validateName: nameIsPathSegment, validate: ({ rules }) => validateRules(rules, true) },
});
