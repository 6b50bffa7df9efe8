/** The live facts, indexed as decisions look them up. The latest fact of a (kind, subject) wins. */
import { type Certificate, parseCertificate, parseTrustBundle, parseTrustDomain, type TrustBundle } from '@postern/spiffe';
import { checkFact } from './fact_shape.ts';
import type { Fact, PostureFact, RevocationFact, TokenKeysFact } from './facts.ts';
import type { DecisionState } from './state.ts';

type Live<T> = { readonly fact: Fact; readonly value: T };

export class FactSet {
  readonly #bundles = new Map<string, Live<TrustBundle>>();
  readonly #issuers = new Map<string, Live<Certificate>>();
  readonly #tokenKeys = new Map<string, Live<TokenKeysFact>>();
  readonly #postures = new Map<string, Live<PostureFact>>();
  readonly #revocations = new Map<string, Live<RevocationFact>>();

  #maps(): Map<string, Live<unknown>>[] {
    return [this.#bundles, this.#issuers, this.#tokenKeys, this.#postures, this.#revocations];
  }

  copy(): FactSet {
    const copy = new FactSet();
    const targets = copy.#maps();
    this.#maps().forEach((map, index) => {
      for (const [subject, live] of map) targets[index]?.set(subject, live);
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
        if (certificate.ok) this.#issuers.set(fact.subject, { fact, value: certificate.value });
        return certificate.ok;
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

  dropExpired(nowMs: number): void {
    for (const map of this.#maps()) {
      for (const [subject, { fact }] of map) if (fact.expiresAtMs <= nowMs) map.delete(subject);
    }
  }

  view(): Pick<DecisionState, 'bundles' | 'issuers' | 'tokenKeys' | 'postures' | 'revocations'> {
    return {
      bundles: valuesOf(this.#bundles),
      issuers: [...this.#issuers.values()].map((live) => live.value),
      tokenKeys: valuesOf(this.#tokenKeys),
      postures: valuesOf(this.#postures),
      revocations: valuesOf(this.#revocations),
    };
  }
}

function valuesOf<T>(map: ReadonlyMap<string, Live<T>>): ReadonlyMap<string, T> {
  return new Map([...map].map(([subject, live]) => [subject, live.value]));
}
