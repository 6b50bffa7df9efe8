/** `authorize` behind a platform that hands over calls and has authenticated their signature. */
import type { ServedFunction } from '../served.ts';
import type { OpenAuthorize } from './open.ts';

/** The path that is asked, its query and the body say nothing: what is decided travels in headers (X20a). */
export function serveAuthorize(opened: OpenAuthorize): ServedFunction {
  const { authorize, state: _, ...open } = opened;
  return {
    ...open,
    answer: ({ headers, principal }) =>
      authorize({
        rawHeaders: headers,
        enforcementPoint: principal === undefined ? undefined : { id: principal, kind: 'iam' },
      }),
  };
}
