/** Cedar's JSON policy format as types, for code that writes it; what is read is `unknown` until `policyFromJson` checked it. */
export interface PolicyJson {
  effect: 'permit' | 'forbid';
  principal: ScopeJson;
  action: { op: 'All' } | { op: '=='; entity: EntityUidJson } | ActionInJson;
  resource: ScopeJson;
  conditions: ClauseJson[];
  annotations?: { [name: string]: string | null };
}

/** Releases write the operands of an `&&` as a list, `all`, so that policies can share them; Cedar itself knows only `body`. */
export type ClauseJson = { kind: 'when' | 'unless'; body: ExpressionJson };
export type SharedClauseJson = { kind: 'when' | 'unless'; all: ExpressionJson[] };

export interface EntityUidJson {
  type: string;
  id: string;
}

export type SlotName = '?principal' | '?resource';

export type ScopeJson =
  | { op: 'All' }
  | { op: '=='; entity: EntityUidJson }
  | { op: '=='; slot: SlotName }
  | { op: 'in'; entity: EntityUidJson }
  | { op: 'in'; slot: SlotName }
  | { op: 'is'; entity_type: string; in?: { entity: EntityUidJson } | { slot: SlotName } };

export type ActionInJson = { op: 'in'; entity: EntityUidJson } | { op: 'in'; entities: EntityUidJson[] };

/** An object with one key, the operator; see `expression_json.ts` for the operators. Integers may be bigints. */
export interface ExpressionJson {
  [operator: string]: unknown;
}
