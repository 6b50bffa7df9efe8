/**
 * Publishes a release: compile, sign, store once, then let the feed's head name it. The object is written before the
 * head moves, so that every head names a release that can be fetched; a number belongs to whoever writes its object.
 * Cost: one use of the release key, one object, one conditional write.
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

export interface Publisher {
  /** `files`: the policy repository by path, untrusted text. */
  publish(files: ReadonlyMap<string, string>, dryRun: boolean): Promise<Result<Publication> | PublishRefusal>;
  /** Publishes the content of release `to` under a new number. */
  rollBack(to: number): Promise<Result<Publication> | PublishRefusal>;
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

  return {
    async publish(files, dryRun) {
      const number = await nextNumber();
      if (!number.ok) return number;
      const signer = await ports.releaseSigner();
      const compiled = await compileRelease({
        files,
        trustDomain,
        number: number.value,
        nowMs: clock.nowMs(),
        nextSigners: [{ keyId: signer.keyId, jwk: jwkFromSpki(signer.spki) }],
      });
      if (!compiled.ok) return { ok: false, reason: 'policy-invalid', problems: compiled.problems };
      const { release, warnings } = compiled;
      if (dryRun) return accept({ published: false, release, digest: '', warnings });
      const stored = await store(release, signer);
      return stored.ok ? accept({ ...stored.value, warnings }) : stored;
    },

    async rollBack(to) {
      const number = await nextNumber();
      if (!number.ok) return number;
      const earlier = to < number.value ? await loadStoredRelease(objects, to) : undefined;
      if (earlier === undefined) return refuse('release-unknown');
      const signer = await ports.releaseSigner();
      const release: Release = {
        ...earlier,
        number: number.value,
        madeAtMs: clock.nowMs(),
        nextSigners: [{ keyId: signer.keyId, jwk: jwkFromSpki(signer.spki) }],
      };
      return store(release, signer);
    },
  };
}
