/** The KeyRing port on KMS keys. */
import type { KMSClient } from '@aws-sdk/client-kms';
import type { KeyRing, MacKeyName, SignatureAlgorithm, Signer, SigningKeyName } from '@postern/keys';
import { createKmsMac } from './kms_mac.ts';
import { createKmsSigner } from './kms_signer.ts';

/** The keys of one function: each has only those that its key policy lets it use. */
export interface KmsKeyRingOptions {
  readonly client: KMSClient;
  readonly signers: {
    readonly [Name in SigningKeyName]?: { readonly keyId: string; readonly algorithm: SignatureAlgorithm };
  };
  /** Key ARNs. */
  readonly macs: { readonly [Name in MacKeyName]?: string };
}

/**
 * A key that is not named throws a TypeError when it is asked for. Cost: one KMS GetPublicKey per signer for the life of
 * the process; one that failed is asked for again.
 */
export function createKmsKeyRing({ client, signers, macs }: KmsKeyRingOptions): KeyRing {
  const opened = new Map<SigningKeyName, Promise<Signer>>();
  return {
    async signer(name) {
      const known = opened.get(name);
      if (known !== undefined) return known;
      const key = signers[name];
      if (key === undefined) throw new TypeError(`the signing key \`${name}\` is none of this function's`);
      const opening = createKmsSigner({ client, ...key });
      opened.set(name, opening);
      opening.catch(() => opened.delete(name));
      return opening;
    },
    async mac(name) {
      const keyId = macs[name];
      if (keyId === undefined) throw new TypeError(`the MAC key \`${name}\` is none of this function's`);
      return createKmsMac({ client, keyId });
    },
  };
}
