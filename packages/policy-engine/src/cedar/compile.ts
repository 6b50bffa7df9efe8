/**
 * Expressions to closures: no `eval`, so that it runs under a strict content-security policy. Frequent shapes
 * (paths from the context, comparison with a literal, membership in a literal) have closures of their own; each agrees
 * with the row of its operator in `operators.ts`.
 */
import { type Entities, NO_ENTITIES } from './entities.ts';
import { EvaluationError, formatUid, missingAttribute, missingEntity, quoted, typeError } from './evaluation_error.ts';
import { attributePathOf, type Expression } from './expression.ts';
import { applyExtension } from './extension_functions.ts';
import { type Frame, VARIABLES } from './frame.ts';
import { asEntity, asText, attributeOf, BINARY, hasPath, isIn, UNARY } from './operators.ts';
import { compilePattern } from './pattern.ts';
import { AttributeLookup, type EntityUid, recordOfEntries, sameEntity, setOf, type Value } from './value.ts';

/** Throws `EvaluationError`. */
export type Evaluate = (frame: Frame) => Value;
export type Test = (frame: Frame) => boolean;

export function compileExpression(expression: Expression): Evaluate {
  const constant = constantOf(expression);
  if (constant !== undefined) return () => constant;
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression;
      return () => value;
    }
    case 'variable':
      return VARIABLES[expression.name].value;
    case 'and':
      return compileAnd(expression.operands);
    case 'or':
      return compileOr(expression.operands);
    case 'unary':
      return compileUnary(expression);
    case 'binary':
      return compileBinary(expression);
    case 'if': {
      const test = compileTest(expression.test);
      const whenTrue = compileExpression(expression.whenTrue);
      const whenFalse = compileExpression(expression.whenFalse);
      return (frame) => (test(frame) ? whenTrue(frame) : whenFalse(frame));
    }
    case 'attribute':
      return compileAttribute(expression);
    case 'has':
      return compileHas(expression);
    case 'like': {
      const target = compileExpression(expression.target);
      const matches = compilePattern(expression.pattern);
      return (frame) => matches(asText(target(frame)));
    }
    case 'is':
      return compileIs(expression);
    case 'set': {
      const elements = expression.elements.map(compileExpression);
      return (frame) => setOf(elements.map((element) => element(frame)));
    }
    case 'record': {
      const fields = expression.fields.map(([name, value]) => [name, compileExpression(value)] as const);
      return (frame) => recordOfEntries(fields.map(([name, value]) => [name, value(frame)] as const));
    }
    case 'call':
      return compileCall(expression);
  }
}

/** A condition: anything but a boolean is a type error. */
export function compileTest(expression: Expression): Test {
  const evaluate = compileExpression(expression);
  if (isAlwaysBoolean(expression)) return evaluate as Test;
  return (frame) => {
    const value = evaluate(frame);
    if (typeof value === 'boolean') return value;
    throw typeError('bool', value);
  };
}

export function compileAnd(operands: readonly Expression[]): Test {
  const tests = operands.map(compileTest);
  const [first, second, third] = tests;
  if (first === undefined) return () => true;
  if (second === undefined) return first;
  if (third === undefined) return (frame) => first(frame) && second(frame);
  return (frame) => {
    for (const test of tests) if (!test(frame)) return false;
    return true;
  };
}

function compileOr(operands: readonly Expression[]): Test {
  const tests = operands.map(compileTest);
  return (frame) => {
    for (const test of tests) if (test(frame)) return true;
    return false;
  };
}

type Kind<K extends Expression['kind']> = Extract<Expression, { kind: K }>;

const BOOLEAN_OPERATORS: ReadonlySet<string> = new Set(
  '== != in < <= > >= contains containsAll containsAny hasTag ! isEmpty'.split(' '),
);

function isAlwaysBoolean(expression: Expression): boolean {
  switch (expression.kind) {
    case 'and':
    case 'or':
    case 'has':
    case 'like':
    case 'is':
      return true;
    case 'unary':
    case 'binary':
      return BOOLEAN_OPERATORS.has(expression.operator);
    default:
      return false;
  }
}

/** The value of an expression that reads neither request nor entities and does not fail; `undefined` otherwise. */
export function constantOf(expression: Expression): Value | undefined {
  try {
    switch (expression.kind) {
      case 'literal':
        return expression.value;
      case 'set': {
        const elements = constantsOf(expression.elements);
        return elements && setOf(elements);
      }
      case 'record': {
        const values = constantsOf(expression.fields.map(([, value]) => value));
        return values && recordOfEntries(expression.fields.map(([name], i) => [name, values[i] as Value] as const));
      }
      case 'call': {
        const values = constantsOf(expression.values);
        return values && applyExtension(expression.extension, values);
      }
      case 'unary': {
        const operand = expression.operator === 'neg' ? constantOf(expression.operand) : undefined;
        return operand === undefined ? undefined : UNARY.neg(operand);
      }
      default:
        return undefined;
    }
  } catch (error) {
    // It fails each time it is evaluated, which must happen then and not now.
    if (error instanceof EvaluationError) return undefined;
    throw error;
  }
}

function constantsOf(expressions: readonly Expression[]): Value[] | undefined {
  const values: Value[] = [];
  for (const expression of expressions) {
    const value = constantOf(expression);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}

function compileUnary(expression: Kind<'unary'>): Evaluate {
  if (expression.operator === '!') {
    const operand = compileTest(expression.operand);
    return (frame) => !operand(frame);
  }
  const operand = compileExpression(expression.operand);
  const apply = UNARY[expression.operator];
  return (frame) => apply(operand(frame));
}

function compileBinary(expression: Kind<'binary'>): Evaluate {
  const { operator } = expression;
  const left = compileExpression(expression.left);
  const right = compileExpression(expression.right);
  const literal = constantOf(expression.right);
  const apply = BINARY[operator];
  if (operator === '==' && literal !== undefined && typeof literal !== 'object') {
    return (frame) => left(frame) === literal;
  }
  if (operator === 'in' && typeof literal === 'object' && literal.kind === 'entity') {
    return compileInEntity(expression.left, literal);
  }
  if (typeof literal === 'number') {
    switch (operator) {
      case '<':
        return (frame) => lessThan(left(frame), literal);
      case '>=':
        return (frame) => !lessThan(left(frame), literal);
      case '>':
        return (frame) => greaterThan(left(frame), literal);
      case '<=':
        return (frame) => !greaterThan(left(frame), literal);
    }
  }
  return (frame) => apply(left(frame), right(frame), frame.entities);
}

function lessThan(value: Value, literal: number): boolean {
  return typeof value === 'number' ? value < literal : (BINARY['<'](value, literal, NO_ENTITIES) as boolean);
}

function greaterThan(value: Value, literal: number): boolean {
  return typeof value === 'number' ? value > literal : (BINARY['>'](value, literal, NO_ENTITIES) as boolean);
}

function compileInEntity(target: Expression, ancestor: EntityUid): Test {
  if (target.kind === 'variable' && target.name !== 'context') return compileVariableIn(target.name, ancestor);
  const left = compileExpression(target);
  return (frame) => isIn(asEntity(left(frame)), ancestor, frame.entities);
}

function compileVariableIn(name: 'principal' | 'action' | 'resource', ancestor: EntityUid): Test {
  switch (name) {
    case 'principal':
      return (frame) =>
        sameEntity(frame.principal, ancestor) || (frame.principalEntity?.hasAncestor(ancestor) ?? false);
    case 'action':
      return (frame) => sameEntity(frame.action, ancestor) || (frame.actionEntity?.hasAncestor(ancestor) ?? false);
    case 'resource':
      return (frame) => sameEntity(frame.resource, ancestor) || (frame.resourceEntity?.hasAncestor(ancestor) ?? false);
  }
}

function compileAttribute(expression: Kind<'attribute'>): Evaluate {
  const { name } = expression;
  const path = attributePathOf(expression);
  if (path?.root === 'context') {
    const [first, second] = path.names;
    const outer = new AttributeLookup(first ?? name);
    if (path.names.length === 1) return (frame) => contextAttribute(frame, outer);
    if (path.names.length === 2 && second !== undefined) {
      const inner = new AttributeLookup(second);
      return (frame) => attributeAt(contextAttribute(frame, outer), inner, frame.entities);
    }
  }
  if (expression.target.kind === 'variable' && expression.target.name !== 'context') {
    const variable = VARIABLES[expression.target.name];
    return (frame) => {
      const value = variable.entity?.(frame)?.attributes.get(name);
      if (value !== undefined) return value;
      const uid = variable.value(frame) as EntityUid;
      throw variable.entity?.(frame) ? missingAttribute(name, quoted(formatUid(uid))) : missingEntity(uid);
    };
  }
  const target = compileExpression(expression.target);
  return (frame) => attributeOf(target(frame), name, frame.entities);
}

function contextAttribute(frame: Frame, lookup: AttributeLookup): Value {
  const value = frame.context.at(lookup);
  if (value === undefined) throw missingAttribute(lookup.name, 'context');
  return value;
}

function attributeAt(value: Value, lookup: AttributeLookup, entities: Entities): Value {
  const attribute = typeof value === 'object' && value.kind === 'record' ? value.at(lookup) : undefined;
  return attribute ?? attributeOf(value, lookup.name, entities);
}

function compileHas(expression: Kind<'has'>): Test {
  const { path } = expression;
  const [name] = path;
  const target = compileExpression(expression.target);
  if (expression.target.kind === 'variable' && name !== undefined && path.length === 1) {
    const variable = VARIABLES[expression.target.name];
    const lookup = new AttributeLookup(name);
    if (variable.entity === undefined) return (frame) => frame.context.at(lookup) !== undefined;
    const { entity } = variable;
    return (frame) => entity(frame)?.attributes.has(name) ?? false;
  }
  if (name !== undefined && path.length === 1) {
    const lookup = new AttributeLookup(name);
    return (frame) => {
      const holder = target(frame);
      if (typeof holder === 'object' && holder.kind === 'record') return holder.at(lookup) !== undefined;
      return hasPath(holder, path, frame.entities);
    };
  }
  return (frame) => hasPath(target(frame), path, frame.entities);
}

function compileIs(expression: Kind<'is'>): Test {
  const { type } = expression;
  const target = compileExpression(expression.target);
  if (expression.within === undefined) return (frame) => asEntity(target(frame)).type === type;
  const within = compileExpression(expression.within);
  // The right side of `in` is looked at only when the type agrees.
  return (frame) => {
    const uid = asEntity(target(frame));
    return uid.type === type && isIn(uid, within(frame), frame.entities);
  };
}

function compileCall(expression: Kind<'call'>): Evaluate {
  const { extension } = expression;
  const values = expression.values.map(compileExpression);
  const [first, second] = values;
  if (values.length === 1 && extension.arity === 1 && first !== undefined) {
    return (frame) => extension.apply(first(frame), false);
  }
  if (values.length === 2 && extension.arity === 2 && first !== undefined && second !== undefined) {
    return (frame) => extension.apply(first(frame), second(frame));
  }
  return (frame) =>
    applyExtension(
      extension,
      values.map((value) => value(frame)),
    );
}
