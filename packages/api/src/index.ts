export type * from './authority.ts';
export type * from './bodies.ts';
export { MAX_SVIDS_PER_REQUEST } from './bodies.ts';
export { formatJoinToken, type JoinToken, MAX_JOIN_TOKEN_BYTES, parseJoinToken } from './join_token.ts';
export { PATHS } from './paths.ts';
export {
  createProblem,
  PROBLEM_MEDIA_TYPE,
  PROBLEMS,
  type Problem,
  type ProblemCode,
  type ProblemKind,
} from './problems.ts';
