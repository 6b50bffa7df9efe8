export * from './datetime.ts';
export * from './decimal.ts';
export * from './entities.ts';
export { EvaluationError, type EvaluationReason, formatText, formatUid } from './evaluation_error.ts';
export type { AttributeReading, ClauseExplanation, ConjunctExplanation, PolicyExplanation } from './explain.ts';
export type { Expression, VariableName } from './expression.ts';
export {
  chainOperands,
  type ExpressionReason,
  MAX_EXPRESSION_DEPTH,
  MAX_EXPRESSION_NODES,
} from './expression_json.ts';
export { formatExpression, formatValue } from './format.ts';
export type { AuthorizationRequest } from './frame.ts';
export { formatIp, type IpAddr, type IpReason, ipOf } from './ipaddr.ts';
export * from './json_text.ts';
export { type Long, longOf } from './long.ts';
export type { Clause, Effect, Policy, PolicyReason, SlotValues } from './policy.ts';
export { policyFromJson } from './policy_from_json.ts';
export type * from './policy_json.ts';
export * from './policy_set.ts';
export { policyReads } from './reads.ts';
export * from './value.ts';
export * from './value_json.ts';
export { NO_SHAPES, type SchemaShapes, shapesFromSchema, type ValueShape } from './value_shape.ts';
export { withExactJson } from './wasm_exact.ts';
