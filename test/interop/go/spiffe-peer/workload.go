package main

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// errEnough ends a watch that has seen what it was asked to see.
var errEnough = errors.New("enough")

type svidReport struct {
	SpiffeID     string    `json:"spiffeId"`
	Hint         string    `json:"hint,omitempty"`
	Serial       string    `json:"serial"`
	NotBefore    time.Time `json:"notBefore"`
	NotAfter     time.Time `json:"notAfter"`
	ChainPem     string    `json:"chainPem"`
	ChainLength  int       `json:"chainLength"`
	VerifiesWith string    `json:"verifiesWith"`
}

type contextReport struct {
	Svids       []svidReport      `json:"svids"`
	Authorities map[string]string `json:"authoritiesPem"`
}

func fetch(ctx context.Context, s settings) error {
	x509Context, err := workloadapi.FetchX509Context(ctx, workloadapi.WithAddr(s.socket))
	if err != nil {
		return err
	}
	answer, err := describe(x509Context)
	if err != nil {
		return err
	}
	report(os.Stdout, answer)
	return nil
}

// describe also verifies each SVID against the bundles that came with it: an SVID that its own trust domain does not
// vouch for is an error, not an answer.
func describe(x509Context *workloadapi.X509Context) (contextReport, error) {
	answer := contextReport{Authorities: map[string]string{}}
	for _, bundle := range x509Context.Bundles.Bundles() {
		answer.Authorities[bundle.TrustDomain().Name()] = pemOf(bundle.X509Authorities())
	}
	for _, svid := range x509Context.SVIDs {
		id, _, err := x509svid.Verify(svid.Certificates, x509Context.Bundles)
		if err != nil {
			return contextReport{}, err
		}
		leaf := svid.Certificates[0]
		answer.Svids = append(answer.Svids, svidReport{
			SpiffeID:     svid.ID.String(),
			Hint:         svid.Hint,
			Serial:       hex.EncodeToString(leaf.SerialNumber.Bytes()),
			NotBefore:    leaf.NotBefore,
			NotAfter:     leaf.NotAfter,
			ChainPem:     pemOf(svid.Certificates),
			ChainLength:  len(svid.Certificates),
			VerifiesWith: id.TrustDomain().Name(),
		})
	}
	return answer, nil
}

func bundles(ctx context.Context, s settings) error {
	client, err := workloadapi.New(ctx, workloadapi.WithAddr(s.socket))
	if err != nil {
		return err
	}
	defer client.Close()
	x509Bundles, err := client.FetchX509Bundles(ctx)
	if err != nil {
		return err
	}
	answer := map[string]any{"authoritiesPem": authoritiesOf(x509Bundles)}
	if jwtBundles, err := client.FetchJWTBundles(ctx); err != nil {
		answer["jwtError"] = err.Error()
	} else {
		keyIDs := map[string][]string{}
		for _, bundle := range jwtBundles.Bundles() {
			keyIDs[bundle.TrustDomain().Name()] = []string{}
			for keyID := range bundle.JWTAuthorities() {
				keyIDs[bundle.TrustDomain().Name()] = append(keyIDs[bundle.TrustDomain().Name()], keyID)
			}
		}
		answer["jwtKeyIds"] = keyIDs
	}
	report(os.Stdout, answer)
	return nil
}

func authoritiesOf(set *x509bundle.Set) map[string]string {
	authorities := map[string]string{}
	for _, bundle := range set.Bundles() {
		authorities[bundle.TrustDomain().Name()] = pemOf(bundle.X509Authorities())
	}
	return authorities
}

func watch(ctx context.Context, s settings) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watcher := &contextWatcher{wanted: s.count, cancel: cancel}
	err := workloadapi.WatchX509Context(ctx, watcher, workloadapi.WithAddr(s.socket))
	if watcher.wanted > 0 && watcher.seen >= watcher.wanted {
		return errEnough
	}
	return err
}

type contextWatcher struct {
	wanted int
	seen   int
	cancel context.CancelFunc
}

func (w *contextWatcher) OnX509ContextUpdate(x509Context *workloadapi.X509Context) {
	answer, err := describe(x509Context)
	if err != nil {
		report(os.Stdout, map[string]string{"error": err.Error()})
		return
	}
	report(os.Stdout, answer)
	w.seen++
	if w.wanted > 0 && w.seen >= w.wanted {
		w.cancel()
	}
}

// OnX509ContextWatchError is told of each broken stream; go-spiffe reconnects by itself.
func (w *contextWatcher) OnX509ContextWatchError(err error) {
	if !errors.Is(err, context.Canceled) {
		report(os.Stderr, map[string]string{"watchError": err.Error()})
	}
}

func pemOf(certificates []*x509.Certificate) string {
	var text []byte
	for _, certificate := range certificates {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})...)
	}
	return string(text)
}
