"""JWT-SVIDs from the Workload API, verified and reported as JSON."""

import argparse
from datetime import UTC, datetime

from report import report
from spiffe import JwtSvid, SpiffeId, WorkloadApiClient


def fetch_jwt(settings: argparse.Namespace) -> None:
    """Each is verified with the JWT bundles, as a relying party would."""
    audience = set(settings.audience.split(','))
    subject = SpiffeId(settings.subject) if settings.subject else None
    with WorkloadApiClient(settings.socket) as client:
        svids = client.fetch_jwt_svids(audience, subject, timeout=settings.timeout)
        bundles = client.fetch_jwt_bundles(timeout=settings.timeout)
    for svid in svids:
        bundle = bundles.get_bundle_for_trust_domain(svid.spiffe_id.trust_domain)
        JwtSvid.parse_and_validate(svid.token, bundle, audience)
    report({'jwtSvids': [describe(svid) for svid in svids]})


def validate_jwt(settings: argparse.Namespace) -> None:
    """By the Workload API itself, and then with the JWT bundles, as a relying party would."""
    with WorkloadApiClient(settings.socket) as client:
        svid = client.validate_jwt_svid(settings.token, settings.audience, timeout=settings.timeout)
        bundles = client.fetch_jwt_bundles(timeout=settings.timeout)
    bundle = bundles.get_bundle_for_trust_domain(svid.spiffe_id.trust_domain)
    JwtSvid.parse_and_validate(settings.token, bundle, {settings.audience})
    report({'jwtSvids': [describe(svid)]})


def describe(svid: JwtSvid) -> dict:
    return {
        'spiffeId': str(svid.spiffe_id),
        'audience': sorted(svid.audience),
        'expiry': datetime.fromtimestamp(svid.expiry, UTC).isoformat().replace('+00:00', 'Z'),
        'token': svid.token,
    }
