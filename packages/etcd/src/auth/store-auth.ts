import type { AppliedState } from '../applied-state.ts';
import type { Propose, Store } from '../store.ts';
import type { AuthChange, AuthState } from './auth-state.ts';
import { GuardedStore } from './guarded-store.ts';
import type { Caller } from './permits.ts';
import type { SimpleTokens } from './simple-tokens.ts';

/** Users and roles of a store. The store itself asks nobody who he is: `as` does. */
export interface StoreAuth {
  readonly state: AuthState;
  readonly tokens: SimpleTokens;
  /** Rejects with AuthError when the caller may not, or it cannot be done. */
  change(change: AuthChange, caller: Caller): Promise<void>;
  /** Makes a token known to all members. Rejects with AuthError when the user went meanwhile, or authentication is off. */
  assign(token: string, user: string): Promise<void>;
  /** The store as far as the caller may use it: what he may not is refused with AuthError. */
  as(caller: Caller): Store;
}

/** That of `store`, which is `applied` and changes by `propose`. */
export function storeAuth(store: Store, applied: AppliedState, propose: Propose): StoreAuth {
  return {
    get state() {
      return applied.mvcc.auth;
    },
    get tokens() {
      return applied.tokens;
    },
    async change(change, { user, revision }) {
      await propose({ kind: 'asUser', user, authRevision: revision, entry: { kind: 'auth', change } });
    },
    async assign(token, user) {
      await propose({ kind: 'token', token, user });
    },
    as: (caller) => new GuardedStore(store, caller, propose),
  };
}
