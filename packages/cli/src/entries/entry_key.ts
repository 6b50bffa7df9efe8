/** What makes two entries the same one to the control plane, and what of one may differ while it stays the same. */
import type { CreateEntryRequest } from '@postern/api';

/** SPIFFE ID, parent, selectors and hint: of these there is one. */
export function keyOf({ spiffeId, parentId, selectors, hint = '' }: CreateEntryRequest): string {
  return JSON.stringify([spiffeId, parentId, [...selectors].sort(), hint]);
}

/** The same without selectors: an entry whose selectors were changed in its file is changed, not made a second time. */
export function nameOf({ spiffeId, parentId, hint = '' }: CreateEntryRequest): string {
  return JSON.stringify([spiffeId, parentId, hint]);
}

const DEFAULT_PROFILE = 'workload';

/** As the control plane keeps it: lists that have no order in theirs, and nothing that is the default. */
export function settledOf(request: CreateEntryRequest): CreateEntryRequest {
  const { spiffeId, parentId, selectors, dnsNames = [], federatesWith = [], hint = '', profile, owner } = request;
  const { ttlSeconds, jwtTtlSeconds, expiresAtMs } = request;
  return {
    spiffeId,
    parentId,
    selectors: [...selectors].sort(),
    ...(dnsNames.length > 0 && { dnsNames }),
    ...(federatesWith.length > 0 && { federatesWith: [...federatesWith].sort() }),
    ...(hint !== '' && { hint }),
    ...(profile !== undefined && profile !== DEFAULT_PROFILE && { profile }),
    ...(request.isTemplateShared === true && { isTemplateShared: true }),
    ...(ttlSeconds !== undefined && { ttlSeconds }),
    ...(jwtTtlSeconds !== undefined && { jwtTtlSeconds }),
    ...(expiresAtMs !== undefined && { expiresAtMs }),
    ...(owner !== undefined && { owner }),
  };
}

export interface MemberChange {
  readonly member: string;
  /** `undefined`: not there. */
  readonly before: unknown;
  readonly after: unknown;
}

export function changesOf(before: CreateEntryRequest, after: CreateEntryRequest): readonly MemberChange[] {
  const [old, next]: [Members, Members] = [{ ...settledOf(before) }, { ...settledOf(after) }];
  const members = [...new Set([...Object.keys(old), ...Object.keys(next)])].sort();
  return members.flatMap((member) => {
    const change = { member, before: old[member], after: next[member] };
    return JSON.stringify(change.before) === JSON.stringify(change.after) ? [] : [change];
  });
}

type Members = { readonly [member: string]: unknown };
