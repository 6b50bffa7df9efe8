/** (3) Which workload calls, and how surely that is known. */
import type { DecisionState } from '@postern/feed';
import {
  parseForwardedClientCert,
  type WorkloadIdentity,
  type WorkloadReason,
  type WorkloadVerifier,
} from '@postern/identity';
import type { Service } from '@postern/policy-engine';
import { accept, type Result, refuse } from '@postern/result';
import type { CheckRequest } from './request.ts';

export type EstablishWorkloadReason =
  | WorkloadReason
  | 'peer-certificate-missing'
  | 'principal-mismatch'
  | 'xfcc-malformed'
  | 'assurance-insufficient';

/**
 * Establishes the calling workload, or `undefined` when the proxy's client showed no certificate: then `Anonymous`
 * stands in and must itself be permitted (X3). The certificate is verified by us; what the proxy says of it is only
 * compared (X2). `x-forwarded-client-cert` is looked at only when there is no certificate (X36) and counts only where
 * the service accepts its assurance, since only the operator knows whether the listener sanitises it.
 */
export function establishWorkload(
  request: CheckRequest,
  service: Service,
  state: DecisionState,
  verifier: WorkloadVerifier,
  nowMs: number,
): Result<WorkloadIdentity | undefined, EstablishWorkloadReason> {
  if (request.peerCertificate !== undefined) {
    const verified = verifier.verify(request.peerCertificate, 'certificate', state, nowMs);
    if (!verified.ok) return verified;
    if (request.peerPrincipal !== undefined && request.peerPrincipal !== verified.value.spiffeId)
      return refuse('principal-mismatch');
    return withAssurance(verified.value, service);
  }
  if (request.forwardedClientCert !== undefined) {
    const forwarded = establishForwarded(request.forwardedClientCert, state, verifier, nowMs);
    return forwarded.ok ? withAssurance(forwarded.value, service) : forwarded;
  }
  // The proxy saw a certificate and does not pass it on: its configuration lacks `include_peer_certificate`.
  if (request.peerPrincipal !== undefined) return refuse('peer-certificate-missing');
  return accept(undefined);
}

function establishForwarded(
  header: string,
  state: DecisionState,
  verifier: WorkloadVerifier,
  nowMs: number,
): Result<WorkloadIdentity, EstablishWorkloadReason> {
  const parsed = parseForwardedClientCert(header);
  if (!parsed.ok) return refuse('xfcc-malformed', parsed.reason);
  const { certificate, uris } = parsed.value;
  if (certificate !== undefined) {
    const verified = verifier.verify(certificate, 'xfcc-certificate', state, nowMs);
    if (!verified.ok) return verified;
    if (uris.some((uri) => uri !== verified.value.spiffeId)) return refuse('principal-mismatch');
    return verified;
  }
  const [uri] = uris;
  if (uri === undefined || uris.length !== 1) return refuse('xfcc-malformed', 'exactly one URI');
  return verifier.acceptName(uri, state, nowMs);
}

function withAssurance(
  workload: WorkloadIdentity,
  service: Service,
): Result<WorkloadIdentity, 'assurance-insufficient'> {
  return service.assurance.includes(workload.assurance) ? accept(workload) : refuse('assurance-insufficient');
}
