"""spiffe_peer: a workload written with the `spiffe` distribution, with the modes and the JSON of the Go program
`spiffe-peer` beside it, so that one table of tests judges a Workload API with both.

Answers are JSON on standard output, one object a line; an error is one JSON object on standard error. It never prints
a private key. Exit codes: 1 for what the Workload API or the peer refused, 2 for a wrong command line.
"""

import argparse
import os
import sys

from jwt_svids import fetch_jwt, validate_jwt
from mtls import dial, serve
from report import report
from workload import bundles, fetch, watch

MODES = {
    'fetch': (fetch, 'fetch the X.509 SVIDs and print them'),
    'bundles': (bundles, 'fetch the X.509 and JWT bundles and print them'),
    'watch': (watch, 'print each X.509 update until --count updates were seen'),
    'jwt': (fetch_jwt, 'fetch the JWT SVIDs for --audience, verify and print them'),
    'validate': (validate_jwt, 'have the Workload API validate --token for --audience, then verify it with the JWT bundles'),
    'serve': (serve, 'serve mTLS with the SVID: answer each line with who sent it'),
    'dial': (dial, 'dial --address with mTLS, send --line and print the answer'),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog='spiffe_peer', description=__doc__.split('\n\n')[0])
    modes = parser.add_subparsers(dest='mode', required=True, metavar='MODE')
    for name, (_, summary) in MODES.items():
        mode = modes.add_parser(name, help=summary)
        mode.add_argument('--socket', default=os.environ.get('SPIFFE_ENDPOINT_SOCKET'), help='unix:///path')
        mode.add_argument('--timeout', type=float, default=10.0, help='seconds; 0 is for ever')
        mode.add_argument('--count', type=int, default=0, help='updates or connections; 0 is no bound')
        mode.add_argument('--address', default='127.0.0.1:0', help='where to serve, or whom to dial')
        mode.add_argument('--authorize', help='the SPIFFE ID (or spiffe://trust-domain) that the peer must have')
        mode.add_argument('--line', default='hello', help='dial: the line to send')
        mode.add_argument('--audience', help='whom the token is for, several by a comma; validate: who asks')
        mode.add_argument('--subject', help='jwt: the SPIFFE ID, when not all of this workload\'s')
        mode.add_argument('--token', help='validate: the token')
    settings = parser.parse_args()
    if not settings.socket:
        parser.error('give --socket or set SPIFFE_ENDPOINT_SOCKET')
    if settings.mode in ('serve', 'dial') and not settings.authorize:
        parser.error('give --authorize')
    if settings.mode in ('jwt', 'validate') and not settings.audience:
        parser.error('give --audience')
    settings.timeout = settings.timeout or None
    try:
        MODES[settings.mode][0](settings)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        report({'error': f'{type(error).__name__}: {error}'}, sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
