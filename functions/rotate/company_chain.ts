/**
 * What stands between our issuers and a company's root, in the feed like issuers are: decision points are shown leaves alone.
 * The company's root stays in the bundle after one of our keys below it is distrusted, so that this key is revoked by its id.
 */
import { type AuthorityState, certificateOf, type Generation, isInBundle, readOwnCertificate } from '@postern/ca';
import { type Fact, type FeedLog, isStillLatest } from '@postern/feed';
import type { Certificate } from '@postern/spiffe';
import type { Clock } from '@postern/store';

/** Verifiers go on after a certificate's end for as long as clocks differ. */
const AFTER_END_MS = 60 * 60 * 1000;

/** One tick: idempotent. Cost: a read for each such certificate; nothing where no root of ours is below a company's. */
export async function publishCompanyChain(ports: {
  readonly state: AuthorityState;
  readonly feedLog: FeedLog;
  readonly clock: Clock;
}): Promise<void> {
  const { state, feedLog, clock } = ports;
  const nowMs = clock.nowMs();
  const below = state.keys.root.filter(({ anchors }) => anchors !== undefined);
  const announced = below
    .filter(isInBundle)
    .flatMap(chainOf)
    .map((it) => issuerFact(it, nowMs));
  const revoked = below.filter(({ phase }) => phase === 'distrusted').map((it) => revocationFact(it, nowMs));
  for (const fact of [...announced, ...revoked]) {
    if (fact.expiresAtMs <= nowMs) continue;
    const known = await feedLog.latest(fact.kind, fact.subject);
    if (known !== undefined && saysSame(known, fact)) continue;
    const appended = await feedLog.append([fact], isStillLatest(feedLog, fact, known));
    if (!appended.ok) throw new Error(`what is below the company’s root is not in the feed: ${appended.reason}`);
  }
}

/** Ours first. */
function chainOf(root: Generation): readonly Certificate[] {
  const above = (root.chain ?? []).map((text) => Uint8Array.from(Buffer.from(text, 'base64')));
  return [certificateOf(root), ...above].map(readOwnCertificate);
}

function issuerFact({ subjectKeyId = '', der, notAfterMs }: Certificate, nowMs: number): Fact {
  const certificate = Buffer.from(der).toString('base64');
  return {
    kind: 'issuer-certificate',
    subject: subjectKeyId,
    observedAtMs: nowMs,
    expiresAtMs: notAfterMs,
    certificate,
  };
}

function revocationFact(root: Generation, nowMs: number): Fact {
  const { subjectKeyId = '', notAfterMs } = readOwnCertificate(certificateOf(root));
  return {
    kind: 'revocation',
    subject: `issuer:${subjectKeyId}`,
    observedAtMs: nowMs,
    expiresAtMs: notAfterMs + AFTER_END_MS,
    notBeforeMs: nowMs,
    reason: 'distrusted',
  };
}

function saysSame(known: Fact, fact: Fact): boolean {
  if (known.kind === 'issuer-certificate' && fact.kind === 'issuer-certificate')
    return known.certificate === fact.certificate;
  return known.kind === fact.kind && known.expiresAtMs >= fact.expiresAtMs;
}
