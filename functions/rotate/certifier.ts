/**
 * What `rotate` vouches for: keys that other functions made in their memory. It alone may use the root and the assertion
 * key; the others ask it, and it knows which function asks.
 */
import type { ProducerCertificate } from '@postern/audit';
import type { CertifyIssuerKey, ListPartition } from '@postern/ca';
import type { CertifyFeedKey } from '@postern/feed';
import type { PublicJwk } from '@postern/keys';
import type { OperateAuthority } from './authority_commands.ts';

export interface ProducerOpening {
  readonly producer: ProducerCertificate['producer'];
  readonly key: PublicJwk;
  readonly owner: ProducerCertificate['owner'];
}

/** Each throws `SignerUnavailable` when `rotate`, or the key that it would use, cannot be had now. */
export interface Certifier {
  /** Answers DER; logged, counted and in the feed before it is answered. */
  readonly certifyIssuer: CertifyIssuerKey;
  readonly certifyFeedKey: CertifyFeedKey;
  /** Answers a compact JWS (`producer_certificate.ts` of `@postern/audit`). */
  readonly certifyProducer: (opening: ProducerOpening) => Promise<string>;
  /** For `admin` alone. */
  readonly operateAuthority: OperateAuthority;
  /** What follows from revocations; for `admin` alone. False: a tick does the rest. */
  readonly applyRevocations: () => Promise<boolean>;
  /** Has the first list of a partition made; for `issue` alone, whose certificate waits for it. */
  readonly openRevocationList: (partition: ListPartition) => Promise<void>;
}
