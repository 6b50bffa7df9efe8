export { type Compilation, type CompileInput, checkRepository, compileRelease } from './compile_release.ts';
export { formatProblems, type ProblemFormat } from './format_problems.ts';
export { didYouMean } from './near_name.ts';
export { readRequest } from './policy_test_input.ts';
export { type CompileProblem, MAX_PROBLEMS } from './problem.ts';
export { PROBLEM_RULES, type ProblemCode, type ProblemRule } from './problem_rules.ts';
export { MAX_FILES, MAX_REPOSITORY_CHARS } from './repository.ts';
export {
  type PolicyTestReport,
  type PolicyTestRequests,
  type PolicyTestResult,
  recordPolicyTests,
  runPolicyTests,
} from './run_policy_tests.ts';
