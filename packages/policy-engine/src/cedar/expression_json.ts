/** Cedar's JSON form of expressions (Cedar, "JSON policy format", `Expr`), untrusted, as checked expressions. */
import { accept, type Refusal, type Result, refuse } from '@postern/result';
import { quoted } from './evaluation_error.ts';
import { BINARY_OPERATORS, type BinaryOperator, type Expression, UNARY_OPERATORS } from './expression.ts';
import { EXTENSION_FUNCTIONS } from './extension_functions.ts';
import { isJsonFields, isWellFormedText } from './json_text.ts';
import { normalLong } from './long.ts';
import { patternFromJson } from './pattern.ts';
import { ReadOnce } from './read_once.ts';
import { entityUidFromJson, isEntityTypeName } from './value_json.ts';

export type ExpressionReason =
  | 'expression-malformed'
  | 'expression-operator-unknown'
  | 'expression-too-deep'
  | 'expression-too-large'
  | 'expression-literal-invalid'
  | 'expression-pattern-malformed'
  | 'expression-slot'
  | 'entity-uid-malformed'
  | 'entity-type-invalid';

/** Nested operators; a chain of `&&` or `||` counts as one. */
export const MAX_EXPRESSION_DEPTH = 400;
export const MAX_EXPRESSION_NODES = 100_000;

type Parsed = Result<Expression, ExpressionReason>;
type Fields = { readonly [name: string]: unknown };
/** Counts down the nodes that one expression may still have. */
type Budget = { nodes: number };

/** Conditions of one set of policies; operands of the outermost `&&` that they share are read once. */
export class ConditionReader {
  readonly #operands = new ReadOnce((json) => {
    const budget = { nodes: MAX_EXPRESSION_NODES };
    const parsed = parse(json, 0, budget);
    return { parsed, nodes: MAX_EXPRESSION_NODES - budget.nodes };
  });

  /** Why `read` would refuse; `undefined` when it would not. */
  check(operands: readonly unknown[]): Refusal<ExpressionReason> | undefined {
    if (operands.length === 0) return refuse('expression-malformed');
    let budget = MAX_EXPRESSION_NODES;
    for (let index = 0; index < operands.length; index++) {
      const { parsed, nodes } = this.#operands.read(operands[index]);
      budget -= nodes + 1;
      if (budget < 0) return refuse('expression-too-large');
      if (!parsed.ok) return parsed;
    }
    return undefined;
  }

  /** The `&&` of a list; of a single operand, that one. */
  read(operands: readonly unknown[]): Parsed {
    if (operands.length === 0) return refuse('expression-malformed');
    const budget = { nodes: MAX_EXPRESSION_NODES };
    if (operands.length === 1) return this.#readOperand(operands[0], budget);
    const expressions: Expression[] = [];
    for (const operand of operands) {
      const parsed = this.#readOperand(operand, budget);
      if (!parsed.ok) return parsed;
      addOperand('and', parsed.value, expressions);
    }
    return accept({ kind: 'and', operands: expressions });
  }

  #readOperand(json: unknown, budget: Budget): Parsed {
    const { parsed, nodes } = this.#operands.read(json);
    budget.nodes -= nodes + 1;
    return budget.nodes < 0 ? refuse('expression-too-large') : parsed;
  }
}

/** Fields of an operator's body; those that are not listed are binary. */
const FIELD_COUNTS: ReadonlyMap<string, number> = new Map([
  ['!', 1],
  ['neg', 1],
  ['isEmpty', 1],
  ['if-then-else', 3],
]);
const BINARY_FIELDS = 2;

function parse(json: unknown, depth: number, budget: Budget): Parsed {
  if (depth > MAX_EXPRESSION_DEPTH) return refuse('expression-too-deep');
  if (--budget.nodes < 0) return refuse('expression-too-large');
  if (!isJsonFields(json)) return refuse('expression-malformed');
  const names = Object.keys(json);
  const operator = names[0];
  if (operator === undefined || names.length !== 1) return refuse('expression-malformed');
  const body = json[operator];
  if (operator === 'Value') return parseLiteral(body, depth, budget);
  if (operator === 'Var') return parseVariable(body);
  if (operator === 'Slot') return refuse('expression-slot', 'slots stand in the scope only');
  if (operator === 'Set') return parseSet(body, depth, budget);
  if (operator === 'Record') return parseRecord(body, depth, budget);
  const extension = EXTENSION_FUNCTIONS.get(operator);
  if (extension !== undefined) {
    const values = parseAll(body, depth, budget);
    return values.ok ? accept({ kind: 'call', extension, values: values.value }) : values;
  }
  if (!isJsonFields(body)) return refuse('expression-operator-unknown', quoted(operator));
  // A field that is passed over might be one that changes the meaning in a later version of Cedar.
  const hasAllFields = Object.keys(body).length === (FIELD_COUNTS.get(operator) ?? BINARY_FIELDS);
  if (!hasAllFields && !(operator === 'is' && Object.hasOwn(body, 'in') && Object.keys(body).length === 3)) {
    return refuse('expression-malformed', quoted(operator));
  }
  if (operator === '&&' || operator === '||') return parseChain(operator, json, depth, budget);
  return parseOperator(operator, body, depth, budget);
}

function parseOperator(operator: string, body: Fields, depth: number, budget: Budget): Parsed {
  switch (operator) {
    case 'if-then-else': {
      const test = parse(body['if'], depth + 1, budget);
      if (!test.ok) return test;
      const whenTrue = parse(body['then'], depth + 1, budget);
      if (!whenTrue.ok) return whenTrue;
      const whenFalse = parse(body['else'], depth + 1, budget);
      if (!whenFalse.ok) return whenFalse;
      return accept({ kind: 'if', test: test.value, whenTrue: whenTrue.value, whenFalse: whenFalse.value });
    }
    case '.':
    case 'has':
    case 'like':
    case 'is':
      return parseAccess(operator, body, depth, budget);
  }
  if (includes(UNARY_OPERATORS, operator)) {
    const operand = parse(body['arg'], depth + 1, budget);
    return operand.ok ? accept({ kind: 'unary', operator, operand: operand.value }) : operand;
  }
  if (!includes(BINARY_OPERATORS, operator)) return refuse('expression-operator-unknown', quoted(operator));
  return parseBinary(operator, body, depth, budget);
}

function parseBinary(operator: BinaryOperator, body: Fields, depth: number, budget: Budget): Parsed {
  const left = parse(body['left'], depth + 1, budget);
  if (!left.ok) return left;
  const right = parse(body['right'], depth + 1, budget);
  return right.ok ? accept({ kind: 'binary', operator, left: left.value, right: right.value }) : right;
}

function parseChain(operator: '&&' | '||', json: Fields, depth: number, budget: Budget): Parsed {
  const kind = operator === '&&' ? 'and' : 'or';
  const operands: Expression[] = [];
  for (const operand of chainOperands(json, operator)) {
    if (--budget.nodes < 0) return refuse('expression-too-large');
    const expression = parse(operand, depth + 1, budget);
    if (!expression.ok) return expression;
    addOperand(kind, expression.value, operands);
  }
  return accept({ kind, operands });
}

/** Chains are flat, see `Expression`. */
function addOperand(kind: 'and' | 'or', operand: Expression, operands: Expression[]): void {
  if (operand.kind === kind) operands.push(...operand.operands);
  else operands.push(operand);
}

/**
 * The operands of a chain from left to right, still unchecked; the expression itself when it is no such chain. Walks down
 * the left side without recursion: the JSON form nests `a && b && c` once per operand.
 */
export function chainOperands(json: unknown, operator: '&&' | '||'): unknown[] {
  const operands: unknown[] = [];
  let link = json;
  for (;;) {
    const body = isJsonFields(link) && Object.hasOwn(link, operator) ? link[operator] : undefined;
    if (!isJsonFields(body) || Object.keys(link as Fields).length !== 1) break;
    if (Object.keys(body).length !== BINARY_FIELDS) break;
    operands.push(body['right']);
    link = body['left'];
  }
  operands.push(link);
  return operands.reverse();
}

function parseAccess(operator: '.' | 'has' | 'like' | 'is', body: Fields, depth: number, budget: Budget): Parsed {
  const left = parse(body['left'], depth + 1, budget);
  if (!left.ok) return left;
  const target = left.value;
  switch (operator) {
    case '.': {
      const name = body['attr'];
      return isText(name) ? accept({ kind: 'attribute', target, name }) : refuse('expression-malformed');
    }
    case 'has': {
      const path: readonly unknown[] = Array.isArray(body['attr']) ? body['attr'] : [body['attr']];
      if (path.length === 0 || !path.every(isText)) return refuse('expression-malformed');
      return accept({ kind: 'has', target, path });
    }
    case 'like': {
      const pattern = patternFromJson(body['pattern']);
      return pattern === undefined ? refuse('expression-pattern-malformed') : accept({ kind: 'like', target, pattern });
    }
    case 'is': {
      const type = body['entity_type'];
      if (typeof type !== 'string' || !isEntityTypeName(type)) return refuse('entity-type-invalid');
      if (body['in'] === undefined || body['in'] === null) return accept({ kind: 'is', target, type });
      const within = parse(body['in'], depth + 1, budget);
      return within.ok ? accept({ kind: 'is', target, type, within: within.value }) : within;
    }
  }
}

function parseVariable(body: unknown): Parsed {
  if (body === 'principal' || body === 'action' || body === 'resource' || body === 'context') {
    return accept({ kind: 'variable', name: body });
  }
  return refuse('expression-malformed');
}

/** A literal may hold sets, records and extension calls; the latter are made when the policy is evaluated. */
function parseLiteral(json: unknown, depth: number, budget: Budget): Parsed {
  if (depth > MAX_EXPRESSION_DEPTH) return refuse('expression-too-deep');
  if (--budget.nodes < 0) return refuse('expression-too-large');
  if (typeof json === 'boolean') return accept({ kind: 'literal', value: json });
  if (typeof json === 'string') {
    return isWellFormedText(json) ? accept({ kind: 'literal', value: json }) : refuse('expression-literal-invalid');
  }
  if (typeof json === 'number' || typeof json === 'bigint') {
    const isExact = typeof json === 'bigint' || Number.isSafeInteger(json);
    const value = isExact ? normalLong(BigInt(json)) : undefined;
    return value === undefined
      ? refuse('expression-literal-invalid', 'an integer of 64 bits, read exactly, is expected')
      : accept({ kind: 'literal', value });
  }
  if (Array.isArray(json)) {
    const elements = parseAll(json, depth, budget, parseLiteral);
    return elements.ok ? accept({ kind: 'set', elements: elements.value }) : elements;
  }
  if (!isJsonFields(json)) return refuse('expression-literal-invalid');
  const names = Object.keys(json);
  if (names.length === 1 && names[0] === '__entity') {
    const uid = entityUidFromJson(json);
    return uid.ok ? accept({ kind: 'literal', value: uid.value }) : uid;
  }
  if (names.length === 1 && names[0] === '__extn') return parseLiteralCall(json['__extn'], depth, budget);
  if (names.length === 1 && names[0] === '__expr') return refuse('expression-literal-invalid');
  return parseRecord(json, depth, budget, parseLiteral);
}

function parseLiteralCall(json: unknown, depth: number, budget: Budget): Parsed {
  if (!isJsonFields(json)) return refuse('expression-literal-invalid');
  const extension = typeof json['fn'] === 'string' ? EXTENSION_FUNCTIONS.get(json['fn']) : undefined;
  if (extension === undefined) return refuse('expression-literal-invalid');
  const values = parseAll(Object.hasOwn(json, 'arg') ? [json['arg']] : json['args'], depth, budget, parseLiteral);
  return values.ok ? accept({ kind: 'call', extension, values: values.value }) : values;
}

function parseSet(body: unknown, depth: number, budget: Budget): Parsed {
  const elements = parseAll(body, depth, budget);
  return elements.ok ? accept({ kind: 'set', elements: elements.value }) : elements;
}

function parseAll(json: unknown, depth: number, budget: Budget, item = parse): Result<Expression[], ExpressionReason> {
  if (!Array.isArray(json)) return refuse('expression-malformed');
  const expressions: Expression[] = [];
  for (const element of json as readonly unknown[]) {
    const expression = item(element, depth + 1, budget);
    if (!expression.ok) return expression;
    expressions.push(expression.value);
  }
  return accept(expressions);
}

function parseRecord(json: unknown, depth: number, budget: Budget, item = parse): Parsed {
  if (!isJsonFields(json)) return refuse('expression-malformed');
  const fields: [string, Expression][] = [];
  for (const name of Object.keys(json)) {
    if (!isText(name)) return refuse('expression-malformed');
    const value = item(json[name], depth + 1, budget);
    if (!value.ok) return value;
    fields.push([name, value.value]);
  }
  return accept({ kind: 'record', fields });
}

function isText(json: unknown): json is string {
  return typeof json === 'string' && isWellFormedText(json);
}

function includes<T extends string>(list: readonly T[], text: string): text is T {
  return (list as readonly string[]).includes(text);
}
