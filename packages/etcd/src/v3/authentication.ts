import type { Process } from '@coracle/kernel';
import { AuthError } from '../auth/auth-error.ts';
import type { GuardedStore } from '../auth/guarded-store.ts';
import type { Jwt } from '../auth/jwt.ts';
import type { Passwords } from '../auth/passwords.ts';
import { type Caller, nobody } from '../auth/permits.ts';
import type { Store } from '../store.ts';
import type { Call } from './grpc/server.ts';

export interface AuthenticationOptions {
  readonly process: Process;
  readonly store: Store;
  readonly passwords: Passwords;
  /** Absent: simple tokens, which the members tell each other. */
  readonly jwt?: Jwt | undefined;
  /** How long a simple token lasts after its last use. */
  readonly tokenTtlMs?: number | undefined;
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const tokenLength = 32;

/** Who makes a call, by the token that it carries (server/auth/store.go, AuthInfoFromCtx). */
export class Authentication {
  readonly passwords: Passwords;
  readonly #process: Process;
  readonly #store: Store;
  readonly #jwt: Jwt | undefined;

  constructor({ process, store, passwords, jwt, tokenTtlMs }: AuthenticationOptions) {
    this.#process = process;
    this.#store = store;
    this.passwords = passwords;
    this.#jwt = jwt;
    store.auth.tokens.keepTime(process.clock, tokenTtlMs);
  }

  get isEnabled(): boolean {
    return this.#store.auth.state.isEnabled;
  }

  /** Nobody when authentication is off or no token says who. Throws AuthError for a token that means nobody. */
  caller({ headers }: Call): Caller {
    if (!this.isEnabled) return nobody;
    const token = tokenOf(headers);
    if (token === undefined) return nobody;
    const caller = this.#jwt === undefined ? this.#simpleCaller(token) : this.#jwt.caller(token);
    if (caller === undefined) throw new AuthError('invalid token');
    return caller;
  }

  /** The store as far as the caller may use it. Throws AuthError. */
  storeFor(call: Call): Store | GuardedStore {
    return this.isEnabled ? this.#store.auth.as(this.caller(call)) : this.#store;
  }

  /** Whether another member may have given the token, of which this one has not heard yet. */
  awaitsToken({ headers }: Call): boolean {
    if (!this.isEnabled || this.#jwt !== undefined) return false;
    const token = tokenOf(headers);
    return token !== undefined && token.length === tokenLength && this.#store.auth.tokens.use(token) === undefined;
  }

  /** A token for the user. Rejects with AuthError. */
  async authenticate(name: string, password: string): Promise<string> {
    await this.#store.linearized();
    for (;;) {
      const { auth } = this.#store;
      if (!auth.state.isEnabled) throw new AuthError('not enabled');
      const { revision } = auth.state;
      const user = auth.state.users.get(name);
      if (user === undefined) throw new AuthError('wrong password');
      if (user.password === undefined) throw new AuthError('no password');
      if (!(await this.passwords.matches(password, user.password))) throw new AuthError('wrong password');
      const token = await this.#issue(name);
      // The password that was compared may be another one by now.
      if (auth.state.revision === revision) return token;
    }
  }

  async #issue(user: string): Promise<string> {
    const { auth } = this.#store;
    if (this.#jwt !== undefined) return this.#jwt.issue({ user, revision: auth.state.revision });
    const { random } = this.#process;
    let token = '';
    while (token.length < tokenLength) token += letters[random.below(letters.length)];
    await auth.assign(token, user);
    return token;
  }

  #simpleCaller(token: string): Caller | undefined {
    const { tokens, state } = this.#store.auth;
    const user = tokens.use(token);
    return user === undefined ? undefined : { user, revision: state.revision };
  }
}

function tokenOf(headers: Call['headers']): string | undefined {
  const value = headers['token'] ?? headers['authorization'];
  const first = Array.isArray(value) ? value[0] : value;
  return first?.replace(/^Bearer /, '');
}
