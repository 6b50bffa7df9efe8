// Command spiffe-peer is a workload written with go-spiffe, the reference implementation: tests run it against a
// Workload API that they want judged by somebody else's code. Every answer is JSON on standard output, one object a
// line; an error is one JSON object on standard error. It never prints a private key.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Exit codes: 1 for what the Workload API or the peer refused, 2 for a wrong command line.
const (
	exitRefused = 1
	exitUsage   = 2
)

type settings struct {
	socket      string
	timeout     float64
	count       int
	address     string
	authorize   string
	line        string
	audience    string
	subject     string
	token       string
	trustDomain string
	url         string
	roots       string
	bundle      string
	svid        string
	key         string
}

type mode struct {
	name    string
	summary string
	run     func(context.Context, settings) error
	// Needs no Workload API.
	isApart bool
}

var modes = []mode{
	{"fetch", "fetch the X.509 SVIDs and print them", fetch, false},
	{"bundles", "fetch the X.509 and JWT bundles and print them", bundles, false},
	{"watch", "print each X.509 update until -count updates were seen", watch, false},
	{"jwt", "fetch the JWT SVIDs for -audience, verify and print them", fetchJWT, false},
	{"validate", "have the Workload API validate -token for -audience, then verify it with the JWT bundles", validateJWT, false},
	{"serve", "serve mTLS with the SVID: answer each line with who sent it", serve, false},
	{"fetch-bundle", "fetch the bundle of -trust-domain from -url and print what is in it", fetchBundle, true},
	{"serve-bundle", "serve the bundle in -bundle as https_spiffe, with the SVID in -svid and -key", serveBundle, true},
	{"verify", "say whose the chain in -svid is, by the authorities in -roots of -trust-domain", verify, true},
	{"load", "dial -address with mTLS again and again until it is told to end, and print how often that failed", load, false},
	{"dial", "dial -address with mTLS, send -line and print the answer", dial, false},
}

func main() {
	if len(os.Args) < 2 || os.Args[1] == "-h" || os.Args[1] == "--help" || os.Args[1] == "help" {
		usage()
		os.Exit(map[bool]int{true: exitUsage, false: 0}[len(os.Args) < 2])
	}
	for _, mode := range modes {
		if mode.name == os.Args[1] {
			os.Exit(runMode(mode, os.Args[2:]))
		}
	}
	fmt.Fprintf(os.Stderr, "unknown mode %q\n", os.Args[1])
	usage()
	os.Exit(exitUsage)
}

func runMode(mode mode, args []string) int {
	var s settings
	flags := flag.NewFlagSet(mode.name, flag.ContinueOnError)
	flags.StringVar(&s.socket, "socket", os.Getenv("SPIFFE_ENDPOINT_SOCKET"), "the Workload API, as unix:///path")
	flags.Float64Var(&s.timeout, "timeout", 10, "seconds; 0 is for ever")
	flags.IntVar(&s.count, "count", 0, "watch: updates to see; serve: connections to answer; 0 is no bound")
	flags.StringVar(&s.address, "address", "127.0.0.1:0", "where to serve, or whom to dial")
	flags.StringVar(&s.authorize, "authorize", "", "the SPIFFE ID (or spiffe://trust-domain) that the peer must have")
	flags.StringVar(&s.line, "line", "hello", "dial: the line to send")
	flags.StringVar(&s.audience, "audience", "", "jwt: whom the token is for, several by a comma; validate: who asks")
	flags.StringVar(&s.subject, "subject", "", "jwt: the SPIFFE ID, when not all of this workload's")
	flags.StringVar(&s.trustDomain, "trust-domain", "", "fetch-bundle, serve-bundle, verify: whose bundle")
	flags.StringVar(&s.url, "url", "", "fetch-bundle: the endpoint")
	flags.StringVar(&s.roots, "roots", "", "fetch-bundle: file of the web authorities that vouch for the endpoint; verify: file of the authorities")
	flags.StringVar(&s.bundle, "bundle", "", "serve-bundle: file of the bundle; fetch-bundle: what verifies -authorize")
	flags.StringVar(&s.svid, "svid", "", "serve-bundle, verify: file of the certificate chain")
	flags.StringVar(&s.key, "key", "", "serve-bundle: file of its key")
	flags.StringVar(&s.token, "token", "", "validate: the token")
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	if s.socket == "" && !mode.isApart {
		fmt.Fprintln(os.Stderr, "give -socket or set SPIFFE_ENDPOINT_SOCKET")
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(s.timeout*float64(time.Second)))
		defer cancel()
	}
	err := mode.run(ctx, s)
	if err == nil || errors.Is(err, errEnough) {
		return 0
	}
	report(os.Stderr, map[string]string{"error": err.Error()})
	return exitRefused
}

func report(to *os.File, value any) {
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "spiffe-peer MODE [-socket unix:///path] [flags]; `spiffe-peer MODE -h` lists the flags")
	for _, mode := range modes {
		fmt.Fprintf(os.Stderr, "  %-12s %s\n", mode.name, mode.summary)
	}
}
