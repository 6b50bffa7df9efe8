/**
 * Publishes a release: compile, record, sign, store once, then let the feed's head name it. The object is written before
 * the head moves, so that every head names a release that can be fetched; a number belongs to whoever writes its object.
 * What the release in force says already is not published again, unless that is asked for.
 * Cost: two objects, one of them read, one record, one use of the release key, one conditional write.
 */
import { canonicalJson } from '@postern/canonical-json';
import { digestOfRelease, type FeedLog, type StoredHead, signRelease } from '@postern/feed';
import { jwkFromSpki, type Signer } from '@postern/keys';
import type { Release } from '@postern/policy-engine';
import { type CompileProblem, compileRelease } from '@postern/policy-engine/publish';
import { accept, type Result, refuse } from '@postern/result';
import type { Clock, Objects } from '@postern/store';
import { loadStoredRelease, releaseObject, verifyStoredRelease } from './releases.ts';

export interface Draft {
  /** The policy repository by path, untrusted text. */
  readonly files: ReadonlyMap<string, string>;
  /** Makes a release also of what the one in force says already. */
  readonly force: boolean;
}

export interface Publication {
  readonly published: boolean;
  /** The release in force says the same: it is the one named here, and there is nothing to publish. */
  readonly unchanged: boolean;
  readonly release: Release;
  readonly digest: string;
  readonly warnings: readonly CompileProblem[];
}

const MAX_NUMBERS_TRIED = 5;

export type PublishReason = 'policy-invalid' | 'release-number-taken' | 'release-unknown' | 'feed-busy' | 'feed-empty';

export interface PublishRefusal {
  readonly ok: false;
  readonly reason: PublishReason;
  readonly problems?: readonly CompileProblem[];
}

/** Called before the release key is used. Durable when it resolves; when it rejects, nothing is signed. */
export type RecordIntent = (release: Release) => Promise<void>;

export interface Publisher {
  /** Compiles and says what would be published; nothing is signed or written. */
  tryOut(draft: Draft): Promise<Result<Publication> | PublishRefusal>;
  publish(draft: Draft, recordIntent: RecordIntent): Promise<Result<Publication> | PublishRefusal>;
  /** Publishes the content of release `to` under a new number. */
  rollBack(to: number, recordIntent: RecordIntent): Promise<Result<Publication> | PublishRefusal>;
}

export function createPublisher(ports: {
  readonly trustDomain: string;
  readonly objects: Objects;
  readonly feedLog: FeedLog;
  readonly releaseSigner: () => Promise<Signer>;
  readonly clock: Clock;
}): Publisher {
  const { trustDomain, objects, feedLog, clock } = ports;

  const releasesOf = (signer: Signer) => ({ objects, trustDomain, releaseKeys: [jwkFromSpki(signer.spki)] });

  async function loadHead(): Promise<Result<StoredHead, 'feed-empty'>> {
    const head = await feedLog.head();
    return head === undefined ? refuse('feed-empty') : accept(head);
  }

  /** A number whose object exists is passed over: it was left by a crash, or another publication is under way. */
  async function store(made: Release, signer: Signer): Promise<Result<Publication, PublishReason>> {
    for (let number = made.number; number < made.number + MAX_NUMBERS_TRIED; number++) {
      const release: Release = { ...made, number };
      const jws = await signRelease(release, signer);
      const written = await objects.putIfAbsent(releaseObject(number), Buffer.from(jws, 'latin1'));
      if (!written.ok) continue;
      const digest = digestOfRelease(jws);
      const moved = await feedLog.setRelease(number, digest);
      return moved.ok ? accept({ published: true, unchanged: false, release, digest, warnings: [] }) : moved;
    }
    return refuse('release-number-taken');
  }

  async function compile({ files, force }: Draft): Promise<Result<Compiled> | PublishRefusal> {
    const head = await loadHead();
    if (!head.ok) return head;
    const signer = await ports.releaseSigner();
    const nowMs = clock.nowMs();
    const number = head.value.releaseNumber + 1;
    const compiled = compileRelease({ files, trustDomain, number, nowMs, nextSigners: nextSignersOf(signer) });
    if (!compiled.ok) return { ok: false, reason: 'policy-invalid', problems: compiled.problems };
    const { release, warnings } = compiled;
    const present = force ? undefined : await loadPresent(head.value, signer);
    const isUnchanged = present !== undefined && saysTheSame(present, release);
    const unchanged = isUnchanged ? unchangedBy(present, head.value, warnings) : undefined;
    return accept({ release, warnings, signer, unchanged });
  }

  /** Undefined also where the key that signs does not vouch for it: what follows is then no repetition. */
  async function loadPresent({ releaseNumber }: StoredHead, signer: Signer): Promise<Release | undefined> {
    const present = releaseNumber === 0 ? undefined : await verifyStoredRelease(releasesOf(signer), releaseNumber);
    return present?.ok ? present.value : undefined;
  }

  return {
    async tryOut(draft) {
      const compiled = await compile(draft);
      if (!compiled.ok) return compiled;
      const { release, warnings, unchanged } = compiled.value;
      return accept(unchanged ?? { published: false, unchanged: false, release, digest: '', warnings });
    },

    async publish(draft, recordIntent) {
      const compiled = await compile(draft);
      if (!compiled.ok) return compiled;
      const { release, warnings, signer, unchanged } = compiled.value;
      if (unchanged !== undefined) return accept(unchanged);
      await recordIntent(release);
      const stored = await store(release, signer);
      return stored.ok ? accept({ ...stored.value, warnings }) : stored;
    },

    async rollBack(to, recordIntent) {
      const head = await loadHead();
      if (!head.ok) return head;
      const number = head.value.releaseNumber + 1;
      const signer = await ports.releaseSigner();
      const earlier = to < number ? await loadStoredRelease(releasesOf(signer), to) : undefined;
      if (earlier === undefined) return refuse('release-unknown');
      const madeAtMs = clock.nowMs();
      const release: Release = { ...earlier, number, madeAtMs, nextSigners: nextSignersOf(signer) };
      await recordIntent(release);
      return store(release, signer);
    },
  };
}

interface Compiled {
  readonly release: Release;
  readonly warnings: readonly CompileProblem[];
  readonly signer: Signer;
  readonly unchanged: Publication | undefined;
}

/** Beside the content: what a release says outside of what its digest covers, but for its number and its time. */
function saysTheSame(one: Release, other: Release): boolean {
  const beside = ({ staleAfterSeconds, ring, nextSigners }: Release) =>
    canonicalJson({ staleAfterSeconds, ring, nextSigners });
  return one.contentDigest === other.contentDigest && beside(one) === beside(other);
}

function unchangedBy(release: Release, { releaseDigest }: StoredHead, warnings: Compiled['warnings']): Publication {
  return { published: false, unchanged: true, release, digest: releaseDigest, warnings };
}

function nextSignersOf(signer: Signer): Release['nextSigners'] {
  return [{ keyId: signer.keyId, jwk: jwkFromSpki(signer.spki) }];
}
