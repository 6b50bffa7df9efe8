/** Strict YAML with places, for other files that people write; nothing of Cedar is loaded for it. */
export { formatProblems } from './format_problems.ts';
export { type CompileProblem, Problems } from './problem.ts';
export { createSource, lineOf, type Place, placeOf } from './source.ts';
export {
  type Decode,
  flag,
  integer,
  listOf,
  object,
  optional,
  type Placed,
  placed,
  readYaml,
  report,
  required,
  text,
  withDefault,
} from './yaml_reader.ts';
