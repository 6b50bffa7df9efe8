/** The HTTP flavour of ext_authz: what the proxy asks, carried in headers that its template sets (X20a, X24, X25). */
import { parseUrlEncodedCertificate } from '@postern/identity';
import { accept, type Result, refuse } from '@postern/result';
import type { CheckRequest } from './request.ts';
import { MAX_HEADER_LINES } from './request_bounds.ts';

/** The authorizer's own request, exactly as it came from the event or socket: never through `Request` or `URL`. */
export interface HttpCheck {
  /** Every header line in order. */
  readonly rawHeaders: readonly (readonly [name: string, value: string])[];
  /**
   * Whether the call carries a signature of the proxy's own (IAM). Its `authorization` is then that signature, the client's
   * travels as a fact, and of the rest only what the template forwards is the client's: platforms add headers of their own.
   */
  readonly isSigned?: boolean;
}

export type CheckReadReason =
  | 'request-too-large'
  | 'request-malformed'
  | 'header-duplicate'
  | 'header-missing'
  | 'header-unknown'
  | 'service-missing'
  | 'service-ambiguous'
  | 'peer-certificate-malformed'
  | 'peer-certificate-too-large';

/** Every header of ours the template sets, and whether it is always there. */
const FACTS = {
  'x-postern-service': 'required',
  'x-postern-method': 'required',
  'x-postern-target': 'required',
  'x-postern-authority': 'required',
  'x-postern-scheme': 'required',
  'x-postern-peer-certificate': 'optional',
  'x-postern-peer-uri': 'optional',
  'x-postern-source-address': 'optional',
  'x-postern-request-id': 'optional',
} as const;
/** Only in a signed call. */
const AUTHORIZATION_FACT = 'x-postern-authorization';
type FactName = keyof typeof FACTS | typeof AUTHORIZATION_FACT;
const FACT_PREFIX = 'x-postern-';

/** Belong to the proxy's own call and not to the request it asks about. */
const OWN_HEADERS: ReadonlySet<string> = new Set(['host', 'content-length', 'connection', 'transfer-encoding']);
/** The client's, where the proxy's call has headers from others besides (`allowed_headers` of the template). */
const FORWARDED_HEADERS: ReadonlySet<string> = new Set(['dpop', 'cookie', 'x-forwarded-client-cert']);

/**
 * Reads the facts from the headers. Prevents a client from adding to them: the template drops the client's own
 * `x-postern-` headers (`disallowed_headers`), and if one comes through all the same it shows here as a repeated or an
 * unknown header and the request is refused (X25). `check`: untrusted. What else came along are the client's headers.
 */
export function readHttpCheck(check: HttpCheck): Result<CheckRequest, CheckReadReason> {
  if (check.rawHeaders.length > MAX_HEADER_LINES) return refuse('request-too-large', 'header lines');
  const { isSigned = false } = check;
  const isClients = (name: string) => (isSigned ? FORWARDED_HEADERS.has(name) : !OWN_HEADERS.has(name));
  const isFact = (name: string): name is FactName =>
    Object.hasOwn(FACTS, name) || (isSigned && name === AUTHORIZATION_FACT);
  const facts = new Map<FactName, string>();
  const headers: (readonly [string, string])[] = [];
  for (const [rawName, value] of check.rawHeaders) {
    const name = rawName.toLowerCase();
    if (!name.startsWith(FACT_PREFIX)) {
      if (isClients(name)) headers.push([name, value]);
      continue;
    }
    if (!isFact(name)) return refuse('header-unknown', name.slice(0, 64));
    if (facts.has(name)) return refuse('header-duplicate', name);
    facts.set(name, value);
  }
  const authorization = presentFact(facts, AUTHORIZATION_FACT);
  if (authorization !== undefined) headers.push(['authorization', authorization]);

  for (const [name, presence] of Object.entries(FACTS) as [FactName, string][]) {
    if (presence === 'required' && presentFact(facts, name) === undefined) return refuse('header-missing', name);
  }
  const encoded = presentFact(facts, 'x-postern-peer-certificate');
  const certificate = encoded === undefined ? undefined : parseUrlEncodedCertificate(encoded);
  if (certificate !== undefined && !certificate.ok) return certificate;
  return accept({
    service: facts.get('x-postern-service') as string,
    method: facts.get('x-postern-method') as string,
    target: facts.get('x-postern-target') as string,
    authority: facts.get('x-postern-authority') as string,
    scheme: facts.get('x-postern-scheme') as string,
    headers,
    peerCertificate: certificate?.value,
    peerPrincipal: presentFact(facts, 'x-postern-peer-uri'),
    forwardedClientCert: headers.find(([name]) => name === 'x-forwarded-client-cert')?.[1],
    sourceAddress: presentFact(facts, 'x-postern-source-address'),
    requestId: presentFact(facts, 'x-postern-request-id'),
    transport: 'http',
  });
}

/** Envoy's formatter writes nothing, or `-`, for what there is not. */
function presentFact(facts: ReadonlyMap<FactName, string>, name: FactName): string | undefined {
  const value = facts.get(name);
  return value === '' || value === '-' ? undefined : value;
}
