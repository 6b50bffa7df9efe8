/**
 * Names that each workload fills by what the authority verified of it: `/ns/{k8s:ns}/sa/{k8s:sa}`. One placeholder is one
 * whole path segment or one whole DNS label, so that no value becomes two of them, or moves what stands after it. A value
 * that does not fit is refused, never altered: two values never make one name.
 */
import { accept, type Result, refuse } from '@postern/result';
import { MAX_SPIFFE_ID_BYTES, parseSpiffeId, type SpiffeId } from '@postern/spiffe';
import { isLdhName } from './dns_name.ts';

export type FillReason =
  /** Nothing was verified of that name. */
  | 'template-claim-missing'
  /** The value cannot be a path segment, or a DNS label. */
  | 'template-claim-value'
  | 'template-too-long';

/** Why a text with braces is no template. */
export type TemplateFlaw = 'placeholder' | 'first-segment' | 'placeholders' | 'domain';

/** As attestors name their claims; the last part of an `oidc` claim's name is the operator's. */
const PLACEHOLDER = /^\{([a-z][a-z0-9_:.-]{0,127})\}$/;
const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,255}$/;
/** Lower case as in certificates (RFC 5280 4.2.1.6); a DNS name of `Shop` would be another name than what was verified. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** More than any attestor verifies of a caller. */
const MAX_PLACEHOLDERS = 8;
/** Which domain a name is in is never the caller's to say: `{k8s:sa}.internal` alone would be the whole of `internal`. */
const LEAST_LITERAL_LABELS = 2;
const SCHEME_LENGTH = 'spiffe://'.length;

/** Braces are in no SPIFFE ID and in no DNS name: a text with one is meant as a template. */
export const isTemplate = (text: string): boolean => /[{}]/.test(text);

const claimOf = (part: string): string | undefined => PLACEHOLDER.exec(part)?.[1];
const partsOfId = (template: string): string[] => template.slice(SCHEME_LENGTH).split('/');
/** A claim's name may have a dot inside its braces. */
const partsOfName = (template: string): string[] => template.split(/\.(?![^{}]*\})/);

/** A SPIFFE ID of the same form, with something in each placeholder's place; what it still has of braces is misplaced. */
export function sampleSpiffeId(template: string): string {
  const [trustDomain, ...segments] = partsOfId(template);
  // Whose name it is has no placeholder, whatever the trust domain is called.
  const sample = segments.map((segment) => (claimOf(segment) === undefined ? segment : 'x'));
  return template.slice(0, SCHEME_LENGTH) + [trustDomain, ...sample].join('/');
}

/** `template`: a SPIFFE ID otherwise. The first segment is literal: who made the entry says what the names are below. */
export function flawOfIdTemplate(template: string): TemplateFlaw | undefined {
  const [, ...segments] = partsOfId(template);
  if (isTemplate(sampleSpiffeId(template))) return 'placeholder';
  if (claimOf(segments[0] ?? '') !== undefined) return 'first-segment';
  return countOf(segments) > MAX_PLACEHOLDERS ? 'placeholders' : undefined;
}

export function flawOfNameTemplate(template: string): TemplateFlaw | undefined {
  const labels = partsOfName(template);
  const sample = labels.map((label) => (claimOf(label) === undefined ? label : 'x')).join('.');
  if (isTemplate(sample) || !isLdhName(sample)) return 'placeholder';
  const domain = labels.slice(-LEAST_LITERAL_LABELS);
  if (labels.length <= LEAST_LITERAL_LABELS || countOf(domain) > 0) return 'domain';
  return countOf(labels) > MAX_PLACEHOLDERS ? 'placeholders' : undefined;
}

const countOf = (parts: readonly string[]): number => parts.filter((part) => claimOf(part) !== undefined).length;

/** Whether one whole literal segment or label is `name`. */
export function hasLiteral(template: string, name: string): boolean {
  const parts = template.includes('/') ? partsOfId(template).slice(1) : partsOfName(template);
  return parts.includes(name);
}

/**
 * The identity of whoever has these claims. `template`: checked, or no template at all; `claims`: verified by the
 * authority itself, their values written by others. Refusals name the claim, never its value.
 */
export function fillSpiffeId(template: string, claims: ReadonlyMap<string, string>): Result<SpiffeId, FillReason> {
  const [trustDomain, ...segments] = partsOfId(template);
  const filled = fill(segments, claims, SEGMENT);
  if (!filled.ok) return filled;
  const uri = template.slice(0, SCHEME_LENGTH) + [trustDomain, ...filled.value].join('/');
  if (uri.length > MAX_SPIFFE_ID_BYTES) return refuse('template-too-long');
  const id = parseSpiffeId(uri);
  if (!id.ok) throw new Error(`a stored SPIFFE ID cannot be read: ${id.reason}`);
  return id;
}

/** The same for a DNS name. */
export function fillDnsName(template: string, claims: ReadonlyMap<string, string>): Result<string, FillReason> {
  const filled = fill(partsOfName(template), claims, LABEL);
  if (!filled.ok) return filled;
  const name = filled.value.join('.');
  return isLdhName(name) ? accept(name) : refuse('template-too-long');
}

function fill(
  parts: readonly string[],
  claims: ReadonlyMap<string, string>,
  allowed: RegExp,
): Result<readonly string[], FillReason> {
  const filled: string[] = [];
  for (const part of parts) {
    const claim = claimOf(part);
    const value = claim === undefined ? part : claims.get(claim);
    if (value === undefined) return refuse('template-claim-missing', claim);
    if (claim !== undefined && !allowed.test(value)) return refuse('template-claim-value', claim);
    filled.push(value);
  }
  return accept(filled);
}
