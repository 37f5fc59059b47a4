import type { PolicyRule } from '@coracle/api';
import { deepFreeze, type Frozen } from '@coracle/apimachinery';
import { mastersGroup, type UserInfo } from '../authentication/user.ts';

/** What a request wants to do (k8s.io/apiserver pkg/authorization/authorizer). */
export type Attributes = { readonly user: UserInfo; readonly verb: string } & (
  | {
      readonly resourceRequest: true;
      readonly apiGroup: string;
      readonly apiVersion: string;
      readonly resource: string;
      readonly subresource: string;
      /** '' for all namespaces and for cluster-scoped resources. */
      readonly namespace: string;
      readonly name: string;
      /** Of a list, watch or deletecollection that has one: as it was sent. */
      readonly fieldSelector?: string;
    }
  | { readonly resourceRequest: false; readonly path: string }
);

/** `noOpinion` leaves the decision to the next authorizer; when none allows, the request is forbidden. */
export interface Decision {
  readonly decision: 'allow' | 'deny' | 'noOpinion';
  /** Of an authorizer without an opinion it begins with its name, as upstream's union has it: `node: `. */
  readonly reason: string;
}

export interface Authorizer {
  authorize(attributes: Attributes): Decision | Promise<Decision>;
  /** What it allows a user in a namespace ('' for the cluster). */
  readonly rulesFor: (user: UserInfo, namespace: string) => UserRules;
}

/** What an authorizer can list of what a user may do (upstream's RuleResolver). */
export interface UserRules {
  readonly rules: readonly Frozen<PolicyRule>[];
  /** Why there may be more than is listed; '' when there is not. */
  readonly gap: string;
}

/** Allows everything to members of system:masters. */
export const privilegedGroupAuthorizer: Authorizer = {
  authorize({ user }) {
    if (user.groups.includes(mastersGroup)) return { decision: 'allow', reason: '' };
    return { decision: 'noOpinion', reason: '' };
  },
  rulesFor: ({ groups }) => ({ rules: groups.includes(mastersGroup) ? everything : [], gap: '' }),
};

const everything: readonly Frozen<PolicyRule>[] = deepFreeze([
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]);

/** The decision, if it is one; else why there is none is added to `reasons`. */
function hear(decision: Decision, reasons: string[]): Decision | undefined {
  if (decision.decision !== 'noOpinion') return decision;
  if (decision.reason !== '') reasons.push(decision.reason);
  return undefined;
}

/** The first that allows or denies decides. */
export function unionAuthorizer(authorizers: readonly Authorizer[]): Authorizer {
  const askFrom = (first: number, attributes: Attributes, reasons: string[]): Decision | Promise<Decision> => {
    for (let i = first; i < authorizers.length; i++) {
      const answer = authorizers[i]?.authorize(attributes);
      if (answer === undefined) continue;
      if (answer instanceof Promise) return answer.then((decision) => hear(decision, reasons) ?? askFrom(i + 1, attributes, reasons));
      const decided = hear(answer, reasons);
      if (decided !== undefined) return decided;
    }
    return { decision: 'noOpinion', reason: reasons.join(', ') };
  };
  return {
    authorize: (attributes) => askFrom(0, attributes, []),
    rulesFor(user, namespace) {
      const of = authorizers.map((authorizer) => authorizer.rulesFor(user, namespace));
      const gaps = of.map(({ gap }) => gap).filter((gap) => gap !== '');
      return { rules: of.flatMap(({ rules }) => rules), gap: gaps.join(', ') };
    },
  };
}
