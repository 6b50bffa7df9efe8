/**
 * Conditions of a policy set's policies as tests, one for each conjunct. Equal conjuncts of different policies share a
 * test: large policy sets repeat the same few conditions, and what all policies share stays in the processor's cache.
 */
import { compileTest, type Test } from './compile.ts';
import { attributePathOf, type Expression } from './expression.ts';
import { conjunctsOfPolicy, type Policy } from './policy.ts';

/** Larger conjuncts are rarely repeated and not worth the text of their key. */
const MAX_KEY_LENGTH = 512;
const MAX_SHARED = 100_000;

export class ConditionCompiler {
  readonly #shared = new Map<string, Test>();
  /** By the expression itself, since policies of a release share theirs, see `ConditionReader`. */
  readonly #tests = new WeakMap<Expression, Test>();

  compile(policy: Policy): Test[] {
    return conjunctsOfPolicy(policy).map((conjunct) => this.#test(conjunct));
  }

  #test(conjunct: Expression): Test {
    let test = this.#tests.get(conjunct);
    if (test === undefined) {
      test = this.#testByText(conjunct);
      this.#tests.set(conjunct, test);
    }
    return test;
  }

  #testByText(conjunct: Expression): Test {
    const key = keyOf(conjunct);
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const test = isPlain(conjunct) ? compileTest(conjunct) : onceEach(compileTest(conjunct));
    if (key.length <= MAX_KEY_LENGTH && this.#shared.size < MAX_SHARED) this.#shared.set(key, test);
    return test;
  }
}

/** Whether a conjunct is as quickly evaluated as remembered: that something is there, or an attribute against a literal. */
function isPlain(conjunct: Expression): boolean {
  if (conjunct.kind === 'has') return attributePathOf(conjunct.target) !== undefined;
  if (conjunct.kind === 'binary')
    return attributePathOf(conjunct.left) !== undefined && conjunct.right.kind === 'literal';
  return attributePathOf(conjunct) !== undefined;
}

/** Evaluates once for each frame, however many policies ask; one that fails is evaluated again and fails again. */
function onceEach(test: Test): Test {
  let frameNumber = 0;
  let outcome = false;
  return (frame) => {
    if (frame.number !== frameNumber) {
      outcome = test(frame);
      frameNumber = frame.number;
    }
    return outcome;
  };
}

/** Two expressions have the same key exactly when they are the same; no literal is an object with the name `bigint`. */
function keyOf(expression: Expression): string {
  return JSON.stringify(expression, (_, value) => (typeof value === 'bigint' ? { bigint: String(value) } : value));
}
