/** The caller's deadline, header `grpc-timeout` (gRPC over HTTP/2): at most eight digits and a unit. */
import { accept, type Result, refuse } from '@postern/result';

const MS_PER_UNIT: { readonly [unit: string]: number } = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
/** The longest that a timer can wait; 24 days are no different from none. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** `text`: untrusted. At least 1 ms, so that a timer can take it. */
export function parseGrpcTimeout(text: string): Result<number, 'grpc-timeout-malformed'> {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  const unitMs = MS_PER_UNIT[unit ?? ''];
  if (digits === undefined || unitMs === undefined) return refuse('grpc-timeout-malformed');
  return accept(Math.min(Math.max(Math.ceil(Number(digits) * unitMs), 1), MAX_TIMEOUT_MS));
}
