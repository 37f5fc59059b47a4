import { grpcCode } from '../v3/grpc/status.ts';
import { type Message, message, string } from '../v3/message.ts';
import type { Connection } from './connection.ts';
import { errorOfEnd } from './errors.ts';
import { exchange, requestFrame } from './exchange.ts';

export interface EtcdUser {
  readonly name: string;
  readonly password: string;
}

interface AuthenticateRequest {
  name: string;
  password: string;
}
const authenticateRequest: Message<AuthenticateRequest> = message<AuthenticateRequest>({ name: string(1), password: string(2) });

interface AuthenticateResponse {
  token: string;
}
const authenticateResponse: Message<AuthenticateResponse> = message<AuthenticateResponse>({ token: string(2) });

/** What a user is known by after its login (etcdserverpb.Auth/Authenticate): asked for once, and again after it was refused. */
export class Token {
  readonly #user: EtcdUser;
  #asked: Promise<string> | undefined;

  constructor(user: EtcdUser) {
    this.#user = user;
  }

  /** Rejects as a call does; a failed login is tried again by the next call. */
  async value(connection: Connection, signal: AbortSignal): Promise<string> {
    while (this.#asked !== undefined) {
      try {
        return await this.#asked;
      } catch (error) {
        // Whoever asked may have given up; that is no answer to this call.
        if (signal.aborted) throw error;
      }
    }
    const asked = this.#ask(connection, signal);
    this.#asked = asked;
    try {
      return await asked;
    } catch (error) {
      if (this.#asked === asked) this.#asked = undefined;
      throw error;
    }
  }

  forget(): void {
    this.#asked = undefined;
  }

  async #ask(connection: Connection, signal: AbortSignal): Promise<string> {
    let token = '';
    const into = {
      message(bytes: Buffer): void {
        token = authenticateResponse.decode(bytes).token;
      },
    };
    const frame = requestFrame(authenticateRequest, this.#user);
    const end = await exchange(connection, { path: '/etcdserverpb.Auth/Authenticate', metadata: {} }, frame, into, signal);
    if (end.is === 'status' && end.code === grpcCode.ok) return token;
    throw errorOfEnd(end);
  }
}
