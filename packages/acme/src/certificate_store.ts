/** What was issued by ACME, as the authority itself remembers it: for revocation, and for when to renew. */
import type { Mac } from '@postern/keys';
import type { Key, Table } from '@postern/store';
import { createSealedItems } from './sealed_items.ts';

export interface AcmeCertificate {
  /** Hex. */
  readonly serial: string;
  /** SHA-256 of the leaf's DER, hex. */
  readonly digest: string;
  readonly issuerKeyId: string;
  /** Of the administrator's key by which the account was bound. */
  readonly keyId: string;
  readonly entryId: string;
  readonly dnsNames: readonly string[];
  /** RFC 7638, of the certified key. */
  readonly keyThumbprint: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface AcmeCertificateStore {
  put(certificate: AcmeCertificate): Promise<void>;
  /** `serial`: untrusted. */
  get(serial: string): Promise<AcmeCertificate | undefined>;
}

const PARTITION = 'acme-certificate';
const SERIAL = /^[0-9a-f]{2,40}$/;
const KEEP_SECONDS = 60 * 60;

/** `mac`: key `entries`. */
export function createAcmeCertificateStore(ports: {
  readonly table: Table;
  readonly mac: Mac;
  readonly onForged: (key: Key) => void;
}): AcmeCertificateStore {
  const items = createSealedItems<AcmeCertificate>(ports);
  const keyOf = (serial: string): Key => ({ pk: PARTITION, sk: serial });
  return {
    async put(certificate) {
      const end = Math.ceil(certificate.notAfterMs / 1000) + KEEP_SECONDS;
      if (!(await items.create(keyOf(certificate.serial), certificate, end)))
        throw new Error('two certificates with one serial');
    },
    get: async (serial) => (SERIAL.test(serial) ? items.get(keyOf(serial)) : undefined),
  };
}
