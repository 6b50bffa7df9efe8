/** Releases for tests, made by the real compile step from the text of a policy repository. */
import { compileRelease } from '../publish/index.ts';
import { type LoadedRelease, loadRelease, type Release } from '../release/index.ts';

export interface ReleaseOptions {
  readonly trustDomain?: string;
  readonly number?: number;
  readonly nowMs?: number;
  readonly nextSigners?: Release['nextSigners'];
}

/** Throws with the problems' text when the files do not compile: the test is then wrong, not its subject. */
export function releaseFrom(files: { readonly [path: string]: string }, options: ReleaseOptions = {}): Release {
  const { trustDomain = 'demo.test', number = 1, nowMs = Date.UTC(2026, 0, 5, 12), nextSigners = [] } = options;
  const compiled = compileRelease({
    files: new Map(Object.entries(files)),
    trustDomain,
    number,
    nowMs,
    nextSigners,
  });
  if (compiled.ok) return compiled.release;
  throw new Error(
    compiled.problems.map((it) => `${it.file}:${it.line}:${it.column} ${it.message} [${it.code}]`).join('\n'),
  );
}

export function loadedFrom(files: { readonly [path: string]: string }, options: ReleaseOptions = {}): LoadedRelease {
  const loaded = loadRelease(releaseFrom(files, options));
  if (loaded.ok) return loaded.value;
  throw new Error(`${loaded.reason} ${loaded.detail ?? ''}`);
}

/** One service `payments` of team `finance`, with an action to read and one to write; add policies. */
export const PAYMENTS_FILES: { readonly [path: string]: string } = {
  'postern.yaml': 'teams: { company: {}, finance: { parent: company }, shop: { parent: company } }\n',
  'services/payments.yaml': `name: payments
owner: finance
hosts: [payments.demo.test]
spiffeIds: [spiffe://demo.test/payments]
enforcementPoints: [spiffe://demo.test/payments]
user: optional
routes:
  - { action: refund, methods: [POST], path: /refunds, groups: [write] }
  - { action: balance, methods: [GET], path: /balance, groups: [read] }
`,
};
