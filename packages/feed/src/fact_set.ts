/**
 * The facts of an epoch, indexed as decisions look them up. The latest fact of a (kind, subject) wins. Expired ones stay
 * here and are left out of what decisions see, so that a clock that jumps ahead and back loses none.
 */
import {
  type Certificate,
  parseCertificate,
  parseTrustBundle,
  parseTrustDomain,
  type TrustBundle,
} from '@postern/spiffe';
import { checkFact } from './fact_shape.ts';
import type { Fact, PostureFact, RevocationFact, TokenKeysFact } from './facts.ts';
import type { DecisionState } from './state.ts';

type Known<T> = { readonly fact: Fact; readonly value: T };

/** The facts that count at a moment, and for how long just these do. */
export interface LiveFacts {
  readonly view: Pick<DecisionState, 'bundles' | 'issuers' | 'tokenKeys' | 'postures' | 'revocations'>;
  readonly fromMs: number;
  /** When the first of them expires. */
  readonly untilMs: number;
}

export class FactSet {
  readonly #bundles = new Map<string, Known<TrustBundle>>();
  readonly #issuers = new Map<string, Known<Certificate>>();
  readonly #tokenKeys = new Map<string, Known<TokenKeysFact>>();
  readonly #postures = new Map<string, Known<PostureFact>>();
  readonly #revocations = new Map<string, Known<RevocationFact>>();

  #maps(): Map<string, Known<unknown>>[] {
    return [this.#bundles, this.#issuers, this.#tokenKeys, this.#postures, this.#revocations];
  }

  copy(): FactSet {
    const copy = new FactSet();
    const targets = copy.#maps();
    this.#maps().forEach((map, index) => {
      for (const [subject, known] of map) targets[index]?.set(subject, known);
    });
    return copy;
  }

  /** `fact`: untrusted. False when it is malformed; a kind that this version does not know is passed over. */
  add(fact: unknown): boolean {
    const checked = checkFact(fact);
    if (!checked.ok) return checked.reason === 'fact-kind-unknown';
    return this.#put(checked.value);
  }

  #put(fact: Fact): boolean {
    switch (fact.kind) {
      case 'trust-bundle': {
        const trustDomain = parseTrustDomain(fact.subject);
        if (!trustDomain.ok) return false;
        const bundle = parseTrustBundle(fact.bundle, trustDomain.value);
        if (bundle.ok) this.#bundles.set(fact.subject, { fact, value: bundle.value });
        return bundle.ok;
      }
      case 'issuer-certificate': {
        const certificate = parseCertificate(Buffer.from(fact.certificate, 'base64'));
        // Under another name its issuer could not be distrusted by that name.
        if (!certificate.ok || certificate.value.subjectKeyId !== fact.subject) return false;
        this.#issuers.set(fact.subject, { fact, value: certificate.value });
        return true;
      }
      case 'token-keys':
        this.#tokenKeys.set(fact.subject, { fact, value: fact });
        return true;
      case 'posture':
        this.#postures.set(fact.subject, { fact, value: fact });
        return true;
      case 'revocation':
        this.#revocations.set(fact.subject, { fact, value: fact });
        return true;
    }
  }

  liveAt(nowMs: number): LiveFacts {
    let untilMs = Number.POSITIVE_INFINITY;
    const live = <T>(known: ReadonlyMap<string, Known<T>>): ReadonlyMap<string, T> => {
      const values = new Map<string, T>();
      for (const [subject, { fact, value }] of known) {
        if (fact.expiresAtMs <= nowMs) continue;
        untilMs = Math.min(untilMs, fact.expiresAtMs);
        values.set(subject, value);
      }
      return values;
    };
    const view = {
      bundles: live(this.#bundles),
      issuers: [...live(this.#issuers).values()],
      tokenKeys: live(this.#tokenKeys),
      postures: live(this.#postures),
      revocations: live(this.#revocations),
    };
    return { view, fromMs: nowMs, untilMs };
  }
}
