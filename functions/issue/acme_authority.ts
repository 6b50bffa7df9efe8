/**
 * What the authority does for ACME's front: it believes what clients signed, the entry as it is now, and nothing else. The
 * front's word alone moves nothing: without an administrator's key there is no account, and without a request that the
 * account's own key signed there is no certificate.
 */
import { createHash } from 'node:crypto';
import {
  type AccountBinding,
  type AcmeAuthority,
  type AcmeCertificate,
  type AcmeCertificateStore,
  type AcmeGrant,
  type AcmeGrantReason,
  type AcmeKeyStore,
  type AcmeUrls,
  isFitForAcme,
  isKnownByAcme,
  isUser,
  keyIdOf,
  namesOfCsr,
  payloadObject,
  readSigned,
  type SignedRequest,
  type VerifiedBinding,
  verifyBinding,
  verifySigned,
} from '@postern/acme';
import { type Authority, type EntryStore, parseCsr, type RegistrationEntry } from '@postern/ca';
import type { FeedLog } from '@postern/feed';
import { thumbprint } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import { parseCertificate } from '@postern/spiffe';
import type { Clock, Table } from '@postern/store';
import { issueForEntry, ownId } from './issued.ts';

export interface AcmeAuthorityPorts {
  readonly urls: AcmeUrls;
  readonly keys: AcmeKeyStore;
  readonly certificates: AcmeCertificateStore;
  readonly entries: Pick<EntryStore, 'get'>;
  readonly authority: Authority;
  readonly feedLog: Pick<FeedLog, 'append' | 'latest'>;
  readonly table: Pick<Table, 'put'>;
  readonly clock: Clock;
  /** Has `rotate` do what follows. Rejects when it cannot now. */
  readonly applyRevocations: () => Promise<void>;
  /** Durable when it resolves; before the fact is. */
  readonly recordRevocation: (revocation: {
    readonly subject: string;
    readonly reason: string;
    readonly by: string;
  }) => Promise<void>;
}

/** A request that was served is not served again for so long: longer than what came of it lives. */
const SPENT_SECONDS = 30 * 24 * 60 * 60;
const REVOCATION_LIFE_MS = 30 * 24 * 60 * 60 * 1000;
/** RFC 5280 5.3.1, of those that are about a certificate of its own key; by name, as the record has them. */
const REVOCATION_REASONS: ReadonlyMap<number, string> = new Map([
  [0, 'unspecified'],
  [1, 'key-compromise'],
  [3, 'affiliation-changed'],
  [4, 'superseded'],
  [5, 'cessation-of-operation'],
  [9, 'privilege-withdrawn'],
]);

interface Bound {
  readonly binding: VerifiedBinding;
  readonly entry: RegistrationEntry;
}

export function createAcmeAuthority(ports: AcmeAuthorityPorts): AcmeAuthority {
  const { urls, keys, certificates, entries, authority, feedLog, clock } = ports;

  async function verify(binding: AccountBinding): Promise<Result<VerifiedBinding, AcmeGrantReason>> {
    const keyId = keyIdOf(binding.eab);
    if (keyId === undefined) return refuse('eab-key-unknown');
    return verifyBinding(binding, { secret: await keys.secretOf(keyId), urls });
  }

  /** The signature is verified first: who cannot sign learns nothing of which keys there are. */
  async function boundTo(binding: AccountBinding, isNew: boolean): Promise<Result<Bound, AcmeGrantReason>> {
    const verified = await verify(binding);
    if (!verified.ok) return verified;
    const { keyId, firstThumbprint } = verified.value;
    const key = await keys.get(keyId);
    if (key === undefined) return refuse('acme-key-unknown');
    const entry = await entryOf(key.entryId);
    if (!entry.ok) return entry;
    if (isNew) {
      const used = await keys.use(keyId, firstThumbprint);
      if (!used.ok) return used;
    } else if (!isUser(key, firstThumbprint)) return refuse('acme-key-used');
    return accept({ binding: verified.value, entry: entry.value });
  }

  /** As it is now; what was true when the account was made grants nothing. */
  async function entryOf(id: string): Promise<Result<RegistrationEntry, 'entry-unknown' | 'entry-unfit'>> {
    const entry = await entries.get(id);
    const isLive = entry !== undefined && (entry.expiresAtMs === undefined || entry.expiresAtMs > clock.nowMs());
    if (!isLive) return refuse('entry-unknown');
    return isFitForAcme(entry) ? accept(entry) : refuse('entry-unfit');
  }

  /** A client's request, by the account's present key. `isPlace`: whether its URL is that of what is asked for. */
  function signedBy(
    bound: VerifiedBinding,
    compact: string,
    isPlace: (url: string) => boolean,
  ): Result<SignedRequest, string> {
    const request = readSigned(compact);
    if (!request.ok) return request;
    const { kid, url } = request.value;
    if (!isPlace(url)) return refuse('jws-url');
    const isAccount = kid !== undefined && urls.accountIdOf(kid) !== undefined;
    if (!isAccount || (bound.accountUrl !== undefined && kid !== bound.accountUrl)) return refuse('jws-account');
    const verified = verifySigned(request.value, bound.jwk);
    return verified.ok ? accept(request.value) : verified;
  }

  async function spend(compact: string): Promise<boolean> {
    const digest = createHash('sha256').update(compact).digest('hex');
    const expiresAtSeconds = Math.ceil(clock.nowMs() / 1000) + SPENT_SECONDS;
    return (
      await ports.table.put(
        { pk: `proof#acme#${digest}`, sk: 'used', attributes: {}, expiresAtSeconds },
        { kind: 'absent' },
      )
    ).ok;
  }

  const isRevoked = async ({ serial }: { readonly serial: string }) =>
    (await feedLog.latest('revocation', `svid:${serial}`)) !== undefined;

  return {
    async grant(binding, isNew) {
      const bound = await boundTo(binding, isNew);
      if (!bound.ok) return bound;
      const { binding: verified, entry } = bound.value;
      const { spiffeId, dnsNames, id: entryId } = entry;
      return accept<AcmeGrant>({ keyId: verified.keyId, entryId, spiffeId, dnsNames });
    },

    async issue(binding, finalize) {
      const bound = await boundTo(binding, false);
      if (!bound.ok) return bound;
      const { binding: verified, entry } = bound.value;
      const request = signedBy(verified, finalize, (url) => url.startsWith(urls.finalize('')));
      if (!request.ok) return request;
      const { csr: text } = payloadObject(request.value.payload) ?? {};
      if (typeof text !== 'string') return refuse('csr-malformed');
      const der = Buffer.from(text, 'base64url');
      const csr = parseCsr(der);
      if (!csr.ok) return csr;
      const names = namesOfCsr(csr.value);
      if (!names.ok) return names;
      if (!names.value.every((name) => entry.dnsNames.includes(name))) return refuse('csr-san-not-entitled');
      // RFC 8555 11.1: who has the account's key would have the certificate's.
      if (csr.value.keyThumbprint === verified.thumbprint) return refuse('csr-account-key');
      if (!(await spend(finalize))) return refuse('request-used');
      const issued = await issueForEntry(authority, {
        entry: { ...entry, dnsNames: names.value },
        spiffeId: ownId(entry.spiffeId),
        csr: der.toString('base64'),
        requester: `acme-key:${verified.keyId}`,
        ...(!isKnownByAcme(entry) && { isServer: true }),
      });
      if (!issued.ok) return issued;
      const { chain, serial, issuerKeyId, keyThumbprint, notBeforeMs, notAfterMs } = issued.value;
      const digest = createHash('sha256')
        .update(chain[0] as Uint8Array)
        .digest('hex');
      const { keyId } = verified;
      const entryId = entry.id;
      await certificates.put({
        serial,
        digest,
        issuerKeyId,
        keyId,
        entryId,
        dnsNames: names.value,
        keyThumbprint,
        notBeforeMs,
        notAfterMs,
      });
      const base64 = chain.map((each) => Buffer.from(each).toString('base64'));
      return accept({ chain: base64, serial, notBeforeMs, notAfterMs });
    },

    async revoke(revocation, binding) {
      const asked = await revocationOf(revocation, binding);
      if (!asked.ok) return asked;
      const { certificate, by, reason } = asked.value;
      if (await isRevoked(certificate)) return refuse('already-revoked');
      const subject = `svid:${certificate.serial}`;
      const nowMs = clock.nowMs();
      await ports.recordRevocation({ subject, reason, by });
      const times = { observedAtMs: nowMs, notBeforeMs: nowMs, expiresAtMs: nowMs + REVOCATION_LIFE_MS };
      const appended = await feedLog.append([{ kind: 'revocation', subject, reason, ...times }]);
      if (!appended.ok) return refuse('feed-unavailable', appended.reason);
      // In force with the fact; for a list that it is on, the next tick makes up for it.
      await ports.applyRevocations().catch(() => undefined);
      return accept({ serial: certificate.serial });
    },

    async renewal(serial) {
      const certificate = await certificates.get(serial);
      if (certificate === undefined) return refuse('certificate-unknown');
      const { issuerKeyId, keyId, dnsNames, notBeforeMs, notAfterMs } = certificate;
      const times = { notBeforeMs, notAfterMs };
      return accept({ issuerKeyId, keyId, dnsNames, ...times, isRevoked: await isRevoked(certificate) });
    },
  };

  /** By the account that it was issued to, or by whoever has its own key (RFC 8555 7.6). */
  async function revocationOf(
    compact: string,
    binding: AccountBinding | undefined,
  ): Promise<Result<{ readonly certificate: AcmeCertificate; readonly by: string; readonly reason: string }>> {
    const read = readSigned(compact);
    if (!read.ok) return read;
    const { certificate: text, reason: code = 0 } = payloadObject(read.value.payload) ?? {};
    if (typeof text !== 'string') return refuse('certificate-malformed');
    const reason = typeof code === 'number' ? REVOCATION_REASONS.get(code) : undefined;
    if (reason === undefined) return refuse('revocation-reason');
    const der = Buffer.from(text, 'base64url');
    const parsed = parseCertificate(der);
    if (!parsed.ok) return parsed;
    const certificate = await certificates.get(parsed.value.serial);
    const digest = createHash('sha256').update(der).digest('hex');
    if (certificate === undefined || certificate.digest !== digest) return refuse('certificate-unknown');
    const signer = await revokerOf(read.value, compact, certificate, binding);
    return signer.ok ? accept({ certificate, by: signer.value, reason }) : signer;
  }

  /** An account of an entry that is gone may still take back what it got. */
  async function revokerOf(
    request: SignedRequest,
    compact: string,
    certificate: AcmeCertificate,
    binding: AccountBinding | undefined,
  ): Promise<Result<string>> {
    const isPlace = (url: string) => url === urls.revokeCert;
    if (binding !== undefined) {
      const verified = await verify(binding);
      if (!verified.ok) return verified;
      const { keyId, firstThumbprint } = verified.value;
      const key = await keys.get(keyId);
      if (key === undefined || !isUser(key, firstThumbprint)) return refuse('acme-key-unknown');
      const signed = signedBy(verified.value, compact, isPlace);
      if (!signed.ok) return signed;
      return keyId === certificate.keyId ? accept(`acme-key:${keyId}`) : refuse('certificate-of-another');
    }
    const { jwk, url } = request;
    if (jwk === undefined || !isPlace(url)) return refuse('jws-url');
    const verified = verifySigned(request, jwk);
    if (!verified.ok) return verified;
    const holds = thumbprint(jwk) === certificate.keyThumbprint;
    return holds ? accept(`svid-key:${certificate.serial}`) : refuse('certificate-of-another');
  }
}
