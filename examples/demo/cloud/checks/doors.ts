/** Whom the doors that IAM guards let in. */
import { PATHS } from '@postern/api';
import { signAs } from '../../../../test/kit/cloud/function_url.ts';
import { accessAs, type RoleName } from '../roles.ts';
import type { CloudDemo } from '../start.ts';

/** What each would answer to whoever is configured. */
function doorsOf({
  outputs,
  functions,
}: CloudDemo['plane']): readonly (readonly [door: string, method: string, url: string])[] {
  const rotateUrl = functions.issue.variables['POSTERN_ROTATE_URL'] as string;
  const issueUrl = functions.acme.variables['POSTERN_ISSUE_URL'] as string;
  const at = (url: string, path: string) => url.replace(/\/$/, '') + path;
  return [
    ['authorize', 'POST', outputs.AuthorizeUrl],
    ['admin', 'GET', at(outputs.AdminUrl, PATHS.admin.status)],
    ['publish', 'GET', at(outputs.PublishUrl, PATHS.admin.releases)],
    ['audit', 'GET', at(outputs.AuditUrl, PATHS.admin.records)],
    ['ingest', 'POST', at(outputs.IngestUrl, PATHS.segments)],
    ['rotate', 'POST', at(rotateUrl, PATHS.keys.producer)],
    ['issue', 'POST', at(issueUrl, PATHS.acmeAuthority)],
  ];
}

/** `role` undefined: without a signature. IAM refuses with 403, and so does a function that knows who calls, or with 401. */
export async function checkDoorsRefuse({ plane }: CloudDemo, role: RoleName | undefined): Promise<string> {
  const { root, aws } = plane;
  const send = role === undefined ? fetch : signAs((await accessAs(root, aws, role)).credentials);
  const seen: string[] = [];
  for (const [door, method, url] of doorsOf(plane)) {
    const body = method === 'POST' ? { body: '{}', headers: { 'content-type': 'application/json' } } : {};
    const { status } = await send(url, { method, ...body });
    seen.push(`${door} ${status}`);
    const isRefusal = status === 403 || (role === 'overpowered' && status === 401);
    if (!isRefusal) throw new Error(seen.join(', '));
  }
  return seen.join(', ');
}
