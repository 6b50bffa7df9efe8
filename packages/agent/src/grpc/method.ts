/** What a gRPC method is to whoever writes one. */
import type { PeerCredentials } from '../peer/credentials.ts';

export interface GrpcCall {
  readonly peer: PeerCredentials;
  /** One value of the call's metadata, from the caller and unchecked; several of one name are joined by a comma. */
  metadata(name: string): string | undefined;
  /** Aborted when the caller goes away, its deadline passes or the call was answered. */
  readonly signal: AbortSignal;
}

export interface StreamingCall extends GrpcCall {
  /**
   * The caller's messages as they come, to be looped over once; ends when the caller has said everything, or is gone.
   * A caller that sends faster than this is read is slowed down.
   */
  messages(): AsyncIterable<Uint8Array>;
  /**
   * Resolves once the caller has taken in enough to be sent more; never rejects. To a caller that is gone it is a
   * no-op: `signal` tells. Whoever sends without awaiting lets a slow caller fill the memory.
   */
  send(message: Uint8Array): Promise<void>;
}

interface Bounded {
  /** Of one message of the caller; `MAX_MESSAGE_BYTES` when absent. */
  readonly maxMessageBytes?: number;
}

/** Throw a `GrpcError` to end with its status; anything else that is thrown ends the call with INTERNAL. */
export type GrpcMethod =
  /** Called once the caller's one message is whole. Answered within the same tick when it answers no promise. */
  | (Bounded & {
      readonly kind: 'unary';
      handle(message: Uint8Array, call: GrpcCall): Uint8Array | Promise<Uint8Array>;
    })
  /** Server streaming and bidirectional alike. Ends with OK when the promise resolves. */
  | (Bounded & { readonly kind: 'stream'; handle(call: StreamingCall): Promise<void> });

export interface GrpcMethods {
  /** By path, such as `/SpiffeWorkloadAPI/FetchX509SVID`. */
  readonly [path: string]: GrpcMethod;
}
