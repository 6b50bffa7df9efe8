package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

type jwtReport struct {
	SpiffeID string    `json:"spiffeId"`
	Hint     string    `json:"hint,omitempty"`
	Audience []string  `json:"audience"`
	Expiry   time.Time `json:"expiry"`
	// Token is one of a test's trust domain: whoever runs the test hands it to another peer.
	Token string `json:"token"`
}

// fetchJWT fetches the JWT-SVIDs of this workload and verifies each with the JWT bundles, as a relying party would.
func fetchJWT(ctx context.Context, s settings) error {
	audiences, err := audiencesOf(s)
	if err != nil {
		return err
	}
	client, err := workloadapi.New(ctx, workloadapi.WithAddr(s.socket))
	if err != nil {
		return err
	}
	defer client.Close()
	params := jwtsvid.Params{Audience: audiences[0], ExtraAudiences: audiences[1:]}
	if s.subject != "" {
		if params.Subject, err = spiffeid.FromString(s.subject); err != nil {
			return err
		}
	}
	svids, err := client.FetchJWTSVIDs(ctx, params)
	if err != nil {
		return err
	}
	bundles, err := client.FetchJWTBundles(ctx)
	if err != nil {
		return err
	}
	reports := []jwtReport{}
	for _, svid := range svids {
		verified, err := jwtsvid.ParseAndValidate(svid.Marshal(), bundles, audiences[:1])
		if err != nil {
			return err
		}
		described := describeJWT(verified)
		described.Hint = svid.Hint
		reports = append(reports, described)
	}
	report(os.Stdout, map[string]any{"jwtSvids": reports})
	return nil
}

// validateJWT has the Workload API validate -token for -audience, and then verifies it with the JWT bundles itself.
func validateJWT(ctx context.Context, s settings) error {
	audiences, err := audiencesOf(s)
	if err != nil {
		return err
	}
	client, err := workloadapi.New(ctx, workloadapi.WithAddr(s.socket))
	if err != nil {
		return err
	}
	defer client.Close()
	svid, err := client.ValidateJWTSVID(ctx, s.token, audiences[0])
	if err != nil {
		return err
	}
	bundles, err := client.FetchJWTBundles(ctx)
	if err != nil {
		return err
	}
	if _, err := jwtsvid.ParseAndValidate(s.token, bundles, audiences[:1]); err != nil {
		return err
	}
	report(os.Stdout, map[string]any{"jwtSvids": []jwtReport{describeJWT(svid)}})
	return nil
}

func describeJWT(svid *jwtsvid.SVID) jwtReport {
	return jwtReport{SpiffeID: svid.ID.String(), Audience: svid.Audience, Expiry: svid.Expiry, Token: svid.Marshal()}
}

func audiencesOf(s settings) ([]string, error) {
	if s.audience == "" {
		return nil, errors.New("give -audience: whom the token is for; several by a comma")
	}
	return strings.Split(s.audience, ","), nil
}
