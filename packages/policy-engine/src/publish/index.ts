export { type Compilation, type CompileInput, compileRelease } from './compile_release.ts';
export { formatProblems, type ProblemFormat } from './format_problems.ts';
export { type CompileProblem, MAX_PROBLEMS, type ProblemCode } from './problem.ts';
export { MAX_FILES, MAX_REPOSITORY_CHARS } from './repository.ts';
export { type PolicyTestReport, type PolicyTestResult, runPolicyTests } from './run_policy_tests.ts';
