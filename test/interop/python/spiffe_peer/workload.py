"""What the Workload API says, as JSON."""

import argparse
import threading
from collections.abc import Iterable

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from report import report
from spiffe import WorkloadApiClient


def fetch(settings: argparse.Namespace) -> None:
    with WorkloadApiClient(settings.socket) as client:
        report(describe(client.fetch_x509_context(timeout=settings.timeout)))


def bundles(settings: argparse.Namespace) -> None:
    with WorkloadApiClient(settings.socket) as client:
        answer = {'authoritiesPem': authorities_pem(client.fetch_x509_bundles(timeout=settings.timeout).bundles)}
        try:
            jwt_bundles = client.fetch_jwt_bundles(timeout=settings.timeout).bundles
            answer['jwtKeyIds'] = {str(bundle.trust_domain): sorted(bundle.jwt_authorities) for bundle in jwt_bundles}
        except Exception as error:  # an authority without JWT keys is worth an answer, not an end
            answer['jwtError'] = str(error)
    report(answer)


def watch(settings: argparse.Namespace) -> None:
    """The client reconnects by itself; the watch ends after `count` updates, on a refusal, or when time is up."""
    ended = threading.Event()
    seen: list[dict] = []
    errors: list[Exception] = []

    def on_update(context) -> None:
        if ended.is_set():
            return
        seen.append(describe(context))
        report(seen[-1])
        if settings.count and len(seen) >= settings.count:
            ended.set()

    def on_error(error: Exception) -> None:
        errors.append(error)
        ended.set()

    with WorkloadApiClient(settings.socket) as client:
        stream = client.stream_x509_contexts(on_update, on_error)
        in_time = ended.wait(settings.timeout)
        stream.cancel()
    if errors:
        raise errors[0]
    if not in_time:
        raise TimeoutError(f'saw {len(seen)} updates in {settings.timeout} s')


def describe(context) -> dict:
    return {
        'svids': [describe_svid(svid) for svid in context.x509_svids],
        'authoritiesPem': authorities_pem(context.x509_bundle_set.bundles),
    }


def describe_svid(svid) -> dict:
    return {
        'spiffeId': str(svid.spiffe_id),
        'serial': serial_hex(svid.leaf.serial_number),
        'notBefore': svid.leaf.not_valid_before_utc.isoformat().replace('+00:00', 'Z'),
        'notAfter': svid.leaf.not_valid_after_utc.isoformat().replace('+00:00', 'Z'),
        'chainPem': pem_of(svid.cert_chain),
        'chainLength': len(svid.cert_chain),
    }


def serial_hex(serial: int) -> str:
    """Whole bytes, as the Go program prints them."""
    return serial.to_bytes((serial.bit_length() + 7) // 8, 'big').hex()


def authorities_pem(bundle_set: Iterable) -> dict[str, str]:
    return {str(bundle.trust_domain): pem_of(bundle.x509_authorities) for bundle in bundle_set}


def pem_of(certificates: Iterable[Certificate]) -> str:
    return ''.join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)
