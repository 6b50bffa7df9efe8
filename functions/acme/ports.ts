/** What the doors of ACME work with. */
import type { AcmeAccountStore, AcmeAuthority, AcmeOrderStore, AcmeUrls, Nonces, Rates } from '@postern/acme';
import type { HttpChallengeRules } from '@postern/acme/http-challenge';
import type { AcmeRecord } from '@postern/audit';
import type { Clock } from '@postern/store';
import type { DoorPorts } from '../door/door.ts';

export interface AcmePorts extends DoorPorts {
  /** Of the public doors. */
  readonly origin: string;
  readonly urls: AcmeUrls;
  readonly nonces: Nonces;
  readonly accounts: AcmeAccountStore;
  readonly orders: AcmeOrderStore;
  readonly rates: Rates;
  readonly authority: AcmeAuthority;
  readonly challengeRules: HttpChallengeRules;
  readonly clock: Clock;
  /** UUIDv7. */
  readonly createId: () => string;
  /** Durable when it resolves; before what it tells of is. */
  readonly record: (record: AcmeRecord) => Promise<void>;
}
