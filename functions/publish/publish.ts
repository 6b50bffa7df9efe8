/**
 * Publishes a release: compile, record, sign, store once, then let the feed's head name it. The object is written before
 * the head moves, so that every head names a release that can be fetched; a number belongs to whoever writes its object.
 * Cost: one record, one use of the release key, one object, one conditional write.
 */
import { digestOfRelease, type FeedLog, signRelease } from '@postern/feed';
import { jwkFromSpki, type Signer } from '@postern/keys';
import type { Release } from '@postern/policy-engine';
import { type CompileProblem, compileRelease } from '@postern/policy-engine/publish';
import { accept, type Result, refuse } from '@postern/result';
import type { Clock, Objects } from '@postern/store';
import { loadStoredRelease, releaseObject } from './releases.ts';

export interface Publication {
  readonly published: boolean;
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
  /** Compiles and says what would be published; nothing is signed or written. `files`: see `publish`. */
  tryOut(files: ReadonlyMap<string, string>): Promise<Result<Publication> | PublishRefusal>;
  /** `files`: the policy repository by path, untrusted text. */
  publish(
    files: ReadonlyMap<string, string>,
    recordIntent: RecordIntent,
  ): Promise<Result<Publication> | PublishRefusal>;
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

  async function nextNumber(): Promise<Result<number, 'feed-empty'>> {
    const head = await feedLog.head();
    return head === undefined ? refuse('feed-empty') : accept(head.releaseNumber + 1);
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
      return moved.ok ? accept({ published: true, release, digest, warnings: [] }) : moved;
    }
    return refuse('release-number-taken');
  }

  async function compile(files: ReadonlyMap<string, string>): Promise<Result<Compiled> | PublishRefusal> {
    const number = await nextNumber();
    if (!number.ok) return number;
    const signer = await ports.releaseSigner();
    const nowMs = clock.nowMs();
    const compiled = compileRelease({
      files,
      trustDomain,
      number: number.value,
      nowMs,
      nextSigners: nextSignersOf(signer),
    });
    if (!compiled.ok) return { ok: false, reason: 'policy-invalid', problems: compiled.problems };
    return accept({ ...compiled, signer });
  }

  return {
    async tryOut(files) {
      const compiled = await compile(files);
      if (!compiled.ok) return compiled;
      const { release, warnings } = compiled.value;
      return accept({ published: false, release, digest: '', warnings });
    },

    async publish(files, recordIntent) {
      const compiled = await compile(files);
      if (!compiled.ok) return compiled;
      const { release, warnings, signer } = compiled.value;
      await recordIntent(release);
      const stored = await store(release, signer);
      return stored.ok ? accept({ ...stored.value, warnings }) : stored;
    },

    async rollBack(to, recordIntent) {
      const number = await nextNumber();
      if (!number.ok) return number;
      const signer = await ports.releaseSigner();
      const releases = { objects, trustDomain, releaseKeys: [jwkFromSpki(signer.spki)] };
      const earlier = to < number.value ? await loadStoredRelease(releases, to) : undefined;
      if (earlier === undefined) return refuse('release-unknown');
      const madeAtMs = clock.nowMs();
      const release: Release = { ...earlier, number: number.value, madeAtMs, nextSigners: nextSignersOf(signer) };
      await recordIntent(release);
      return store(release, signer);
    },
  };
}

interface Compiled {
  readonly release: Release;
  readonly warnings: readonly CompileProblem[];
  readonly signer: Signer;
}

function nextSignersOf(signer: Signer): Release['nextSigners'] {
  return [{ keyId: signer.keyId, jwk: jwkFromSpki(signer.spki) }];
}
