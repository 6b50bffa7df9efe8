/** The parts of npm `oidc-provider` that the development provider uses; the package ships no types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export interface Grant {
    addOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
    save(): Promise<string>;
  }

  export interface Login {
    accountId: string;
    /** Seconds since epoch: becomes `auth_time`. */
    ts: number;
    acr?: string;
    amr?: string[];
  }

  export default class Provider {
    constructor(issuer: string, configuration: object);
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<{ uid: string }>;
    interactionFinished(request: IncomingMessage, response: ServerResponse, result: { login: Login }): Promise<void>;
    on(event: 'server_error', listener: (context: unknown, fault: Error) => void): void;
  }

  export const interactionPolicy: { base(): { remove(prompt: string): void } };
}
