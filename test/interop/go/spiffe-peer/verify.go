package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

// verify says whose the chain in -svid is, as go-spiffe verifies it with the authorities in -roots for -trust-domain.
func verify(_ context.Context, s settings) error {
	trustDomain, err := spiffeid.TrustDomainFromString(s.trustDomain)
	if err != nil {
		return err
	}
	roots, err := certificatesIn(s.roots)
	if err != nil {
		return err
	}
	chain, err := certificatesIn(s.svid)
	if err != nil {
		return err
	}
	id, _, err := x509svid.Verify(chain, x509bundle.FromX509Authorities(trustDomain, roots))
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]string{"spiffeId": id.String()})
}

func certificatesIn(path string) ([]*x509.Certificate, error) {
	rest, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var found []*x509.Certificate
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found = append(found, certificate)
	}
	if len(found) == 0 {
		return nil, errors.New("no certificate in " + path)
	}
	return found, nil
}
