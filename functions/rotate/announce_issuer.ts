/** An issuer is on record and in the feed before its first leaf: every decision point knows it, and can distrust it. */
import { readOwnCertificate } from '@postern/ca';
import type { FeedLog } from '@postern/feed';
import { SignerUnavailable } from '@postern/keys';
import type { Certificate } from '@postern/spiffe';

export interface AnnouncePorts {
  readonly feedLog: FeedLog;
  /** Durable when it resolves. */
  readonly recordIssuer: (issuer: {
    keyId: string;
    serial: string;
    notAfterMs: number;
    certificate: string;
  }) => Promise<void>;
}

/** `der`: of our own making. Cost: one record, one entry of the feed. Throws `SignerUnavailable` where the feed does not take it. */
export async function announceIssuer(ports: AnnouncePorts, der: Uint8Array, nowMs: number): Promise<Certificate> {
  const issuer = readOwnCertificate(der);
  const keyId = issuer.subjectKeyId as string;
  const certificate = Buffer.from(der).toString('base64');
  await ports.recordIssuer({ keyId, serial: issuer.serial, notAfterMs: issuer.notAfterMs, certificate });
  const fact = {
    kind: 'issuer-certificate',
    subject: keyId,
    observedAtMs: nowMs,
    expiresAtMs: issuer.notAfterMs,
    certificate,
  } as const;
  const appended = await ports.feedLog.append([fact]);
  if (!appended.ok) throw new SignerUnavailable(`the issuer is not in the feed: ${appended.reason}`);
  return issuer;
}
