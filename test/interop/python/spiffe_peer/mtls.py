"""Mutual TLS with Python's own `ssl` (OpenSSL) and an SVID from the Workload API.

`ssl` takes keys from files only: they live in a fresh 0700 folder until the context has read them.
"""

import argparse
import socket
import ssl
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from report import report
from spiffe import SpiffeId, TrustDomain, WorkloadApiClient
from workload import pem_of

# One peer gets this long for its handshake and its line, so that a silent one cannot hold the server.
EXCHANGE_TIMEOUT_SECONDS = 10
MAX_LINE_BYTES = 4096


def serve(settings: argparse.Namespace) -> None:
    context = tls_context(settings, ssl.PROTOCOL_TLS_SERVER)
    deadline = None if settings.timeout is None else time.monotonic() + settings.timeout
    with socket.create_server(split_address(settings.address)) as listener:
        report({'listening': '%s:%d' % listener.getsockname()[:2]})
        answered = 0
        while not settings.count or answered < settings.count:
            listener.settimeout(None if deadline is None else max(0.01, deadline - time.monotonic()))
            connection, _ = listener.accept()
            answered += 1
            with connection:
                connection.settimeout(EXCHANGE_TIMEOUT_SECONDS)
                try:
                    answer(context, connection, settings.authorize)
                except (OSError, PermissionError) as error:
                    report({'refused': str(error)})


def answer(context: ssl.SSLContext, connection: socket.socket, authorize: str) -> None:
    with context.wrap_socket(connection, server_side=True) as tls:
        peer = authorized_peer(tls, authorize)
        line = read_line(tls)
        report({'peer': peer, 'line': line})
        tls.sendall(f'{peer} said {line}\n'.encode())


def dial(settings: argparse.Namespace) -> None:
    context = tls_context(settings, ssl.PROTOCOL_TLS_CLIENT)
    with socket.create_connection(split_address(settings.address), EXCHANGE_TIMEOUT_SECONDS) as connection:
        with context.wrap_socket(connection) as tls:
            peer = authorized_peer(tls, settings.authorize)
            tls.sendall(f'{settings.line}\n'.encode())
            report({'peer': peer, 'answer': read_line(tls)})


def tls_context(settings: argparse.Namespace, protocol: int) -> ssl.SSLContext:
    """Trusts only the own trust domain's authorities; RFC 5280's strict rules apply to every certificate."""
    with WorkloadApiClient(settings.socket) as client:
        fetched = client.fetch_x509_context(timeout=settings.timeout)
    svid = fetched.default_svid
    bundle = fetched.x509_bundle_set.get_bundle_for_trust_domain(svid.spiffe_id.trust_domain)
    if bundle is None:
        raise LookupError(f'no bundle for {svid.spiffe_id.trust_domain}')
    context = ssl.SSLContext(protocol)
    context.check_hostname = False  # the name that counts is the SPIFFE ID, checked after the handshake
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=pem_of(bundle.x509_authorities))
    with tempfile.TemporaryDirectory(prefix='postern-spiffe-peer-') as folder:
        chain, key = Path(folder, 'chain.pem'), Path(folder, 'key.pem')
        svid.save(chain, key, Encoding.PEM)
        context.load_cert_chain(chain, key)
    return context


def authorized_peer(tls: ssl.SSLSocket, authorize: str) -> str:
    """X509-SVID 5.2: exactly one URI SAN, and it must be the one asked for or lie in the trust domain asked for."""
    names = [name for kind, name in tls.getpeercert().get('subjectAltName', ()) if kind == 'URI']
    if len(names) != 1:
        raise PermissionError(f'the peer has {len(names)} URI names')
    peer = SpiffeId(names[0])
    is_whole_id = '/' in authorize.removeprefix('spiffe://')
    is_wanted = peer == SpiffeId(authorize) if is_whole_id else peer.trust_domain == TrustDomain(authorize)
    if not is_wanted:
        raise PermissionError(f'unexpected peer {peer}')
    return str(peer)


def read_line(tls: ssl.SSLSocket) -> str:
    received = b''
    while not received.endswith(b'\n'):
        part = tls.recv(MAX_LINE_BYTES)
        if not part or len(received) + len(part) > MAX_LINE_BYTES:
            raise ConnectionError('the peer sent no whole line')
        received += part
    return received.decode().rstrip('\r\n')


def split_address(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(':')
    return host, int(port)
