/** The reasons that a test's decision can have: those of the policies, and those that end a request before any of them. */
import type { EngineReason } from '../decision.ts';
import type { InputReason } from '../replay/index.ts';

export type PolicyTestReason = EngineReason | InputReason;

/** Tokens, certificates and freshness are a decision point's: a test says what they came to. */
const REASONS: { readonly [R in PolicyTestReason]: true } = {
  permitted: true,
  'no-permit': true,
  forbidden: true,
  'step-up-required': true,
  'policy-error': true,
  'user-missing': true,
  'assurance-insufficient': true,
  'service-unknown': true,
  'action-unknown': true,
  'path-not-routed': true,
  'method-not-routed': true,
  'host-not-served': true,
  'host-empty': true,
  'host-too-long': true,
  'host-userinfo': true,
  'host-not-ascii': true,
  'host-port-malformed': true,
  'host-name-malformed': true,
  'host-ip-malformed': true,
  'target-empty': true,
  'target-too-long': true,
  'target-absolute-form': true,
  'target-asterisk-form': true,
  'target-authority-form': true,
  'target-fragment': true,
  'path-control': true,
  'path-not-ascii': true,
  'path-backslash': true,
  'path-character': true,
  'path-empty-segment': true,
  'path-dot-segment': true,
  'path-parameter': true,
  'path-escape-malformed': true,
  'path-escape-lower-case': true,
  'path-escape-unreserved': true,
  'path-escape-not-utf8': true,
  'path-escaped-slash': true,
  'path-escaped-backslash': true,
  'path-escaped-percent': true,
  'path-escaped-control': true,
  'query-control': true,
};

export function isTestReason(text: string): text is PolicyTestReason {
  return Object.hasOwn(REASONS, text);
}
