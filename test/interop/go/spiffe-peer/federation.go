package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/federation"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

// fetchBundle fetches the bundle of -trust-domain from -url: as https_spiffe with -authorize and -bundle, else as
// https_web with the authorities in -roots.
func fetchBundle(ctx context.Context, s settings) error {
	trustDomain, err := spiffeid.TrustDomainFromString(s.trustDomain)
	if err != nil {
		return err
	}
	var option federation.FetchOption
	if s.authorize != "" {
		endpoint, err := spiffeid.FromString(s.authorize)
		if err != nil {
			return err
		}
		bundle, err := spiffebundle.Load(endpoint.TrustDomain(), s.bundle)
		if err != nil {
			return err
		}
		option = federation.WithSPIFFEAuth(bundle, endpoint)
	} else {
		roots, err := os.ReadFile(s.roots)
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(roots) {
			return errors.New("-roots holds no certificate")
		}
		option = federation.WithWebPKIRoots(pool)
	}
	bundle, err := federation.FetchBundle(ctx, trustDomain, s.url, option)
	if err != nil {
		return err
	}
	sequence, _ := bundle.SequenceNumber()
	hint, _ := bundle.RefreshHint()
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"trustDomain":        bundle.TrustDomain().Name(),
		"sequence":           sequence,
		"refreshHintSeconds": int(hint / time.Second),
		"x509Authorities":    len(bundle.X509Authorities()),
		"jwtAuthorities":     len(bundle.JWTAuthorities()),
	})
}

// serveBundle is a bundle endpoint of go-spiffe's own, for -bundle of -trust-domain: https_spiffe with the SVID in
// -svid and -key.
func serveBundle(ctx context.Context, s settings) error {
	trustDomain, err := spiffeid.TrustDomainFromString(s.trustDomain)
	if err != nil {
		return err
	}
	bundle, err := spiffebundle.Load(trustDomain, s.bundle)
	if err != nil {
		return err
	}
	svid, err := x509svid.Load(s.svid, s.key)
	if err != nil {
		return err
	}
	handler, err := federation.NewHandler(trustDomain, bundle)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	fmt.Printf("{\"listening\":%q}\n", listener.Addr())
	server := http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	err = server.Serve(tls.NewListener(listener, tlsconfig.TLSServerConfig(svid)))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
