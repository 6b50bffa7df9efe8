/**
 * The layout of a policy repository: which file is what. A file that is nothing is an error, because a guardrail in a
 * misspelt folder would silently guard nothing.
 */
import { NAME } from '../release/names.ts';
import type { Problems } from './problem.ts';
import { createSource, placeOf, type Source } from './source.ts';

export const MAX_FILES = 5_000;
/** UTF-16 code units of all files together. */
export const MAX_REPOSITORY_CHARS = 16 * 1024 * 1024;

export interface PolicySource {
  readonly source: Source;
  /** `undefined`: a guardrail of the organisation. */
  readonly team: string | undefined;
}

export interface Repository {
  readonly schema: Source | undefined;
  readonly settings: Source | undefined;
  readonly services: readonly Source[];
  /** OpenAPI documents by path. */
  readonly documents: ReadonlyMap<string, Source>;
  /** In the order of their paths: guardrails first. */
  readonly policies: readonly PolicySource[];
}

const POLICY_FILE = /^(?:org|teams\/([^/]+))\/(?:[^/]+\/)*[^/]+\.cedar$/;
/** In YAML or JSON. */
export const DOCUMENT_FILE = /^openapi\/(?:[^/]+\/)*[^/]+\.(?:ya?ml|json)$/;
const SERVICE_FILE = /^services\/[^/]+\.ya?ml$/;
/** Tests are read by the test runner; the rest is for people. */
const PASSED_OVER = /^tests\/|(?:^|\/)(?:README|[^/]+\.md$)/;
/** Editors and version control keep theirs there. */
export const HIDDEN = /(?:^|\/)\./;
const MEANINGFUL = /^(?:(?:org|teams)\/.*\.cedar|(?:services|openapi|tests)\/.*\.(?:ya?ml|json))$/;

/** `files`: untrusted text by path relative to the repository's root, with slashes. */
export function readRepository(files: ReadonlyMap<string, string>, problems: Problems): Repository {
  const repository = {
    policies: [] as PolicySource[],
    services: [] as Source[],
    documents: new Map<string, Source>(),
  };
  let schema: Source | undefined;
  let settings: Source | undefined;
  if (!checkSize(files, problems)) return { ...repository, schema, settings };
  for (const file of [...files.keys()].sort()) {
    const source = createSource(file, files.get(file) ?? '');
    const policy = POLICY_FILE.exec(file);
    const hasDotSegment = file.split('/').some((segment) => segment === '' || segment === '.' || segment === '..');
    const brokenAt = source.text.isWellFormed() ? -1 : source.text.search(/\p{Surrogate}/u);
    if (brokenAt >= 0) {
      problems.error('file-encoding', placeOf(source, brokenAt, brokenAt + 1), 'half of a surrogate pair stands alone');
    } else if (hasDotSegment)
      problems.error('file-unexpected', placeOf(source), 'the path has an empty or dot segment');
    else if (HIDDEN.test(file)) {
      const message = 'left out: the name of a file or folder begins with a dot';
      if (MEANINGFUL.test(file)) problems.warning('file-hidden', placeOf(source), message);
    } else if (policy !== null) {
      const team = policy[1];
      if (team === undefined || NAME.test(team)) repository.policies.push({ source, team });
      else problems.error('file-unexpected', placeOf(source), 'the folder below `teams/` does not name a team');
    } else if (SERVICE_FILE.test(file)) repository.services.push(source);
    else if (DOCUMENT_FILE.test(file)) repository.documents.set(file, source);
    else if (file === 'schema.cedarschema') schema = source;
    else if (file === 'postern.yaml') settings = source;
    else if (!PASSED_OVER.test(file)) {
      const places =
        '`org/`, `teams/<team>/`, `services/*.yaml`, `openapi/`, `tests/`, `schema.cedarschema`, `postern.yaml`';
      problems.error('file-unexpected', placeOf(source), `not part of a policy repository, which has ${places}`);
    }
  }
  return { ...repository, schema, settings };
}

function checkSize(files: ReadonlyMap<string, string>, problems: Problems): boolean {
  let chars = 0;
  for (const text of files.values()) chars += text.length;
  const nowhere = placeOf(createSource('', ''));
  if (files.size > MAX_FILES) problems.error('files-too-many', nowhere, `more than ${MAX_FILES} files`);
  else if (chars > MAX_REPOSITORY_CHARS) problems.error('files-too-large', nowhere, 'the files are larger than 16 MiB');
  else return true;
  return false;
}
