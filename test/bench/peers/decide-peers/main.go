// Command decide-peers decides the benchmark's requests with policy engines written in Go: the same policies, the same
// requests, each built from plain values. It prints one line of JSON, its version and its first outcomes; then it measures
// as often as standard input asks: a number of decisions, answered by the µs of CPU that one of them took.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"syscall"
)

// So many outcomes are compared before anything is measured.
const compared = 100

// A world is what FILE holds: policies and requests.
type world struct {
	Policies []struct {
		ID    string `json:"id"`
		Cedar string `json:"cedar"`
	} `json:"policies"`
	// The same policies in OPA's language.
	Rego     string    `json:"rego"`
	Requests []request `json:"requests"`
}

type request struct {
	Issuer     string   `json:"issuer"`
	User       string   `json:"user"`
	Groups     []string `json:"groups"`
	Service    string   `json:"service"`
	Team       string   `json:"team"`
	Action     string   `json:"action"`
	Method     string   `json:"method"`
	Path       string   `json:"path"`
	Host       string   `json:"host"`
	SourceIP   string   `json:"sourceIp"`
	NowMs      int64    `json:"nowMs"`
	SignedInMs int64    `json:"signedInMs"`
	Compliant  bool     `json:"compliant"`
	Managed    bool     `json:"managed"`
}

// decide answers `allow` or `deny`.
type decide func(*request) (string, error)

type engine struct {
	module  string
	prepare func(*world) (decide, error)
}

var engines = map[string]engine{
	"cedar-go": {"github.com/cedar-policy/cedar-go", prepareCedar},
	"opa":      {"github.com/open-policy-agent/opa", prepareOpa},
}

func main() {
	if len(os.Args) != 3 || engines[os.Args[1]].prepare == nil {
		fmt.Fprintln(os.Stderr, "decide-peers cedar-go|opa FILE")
		os.Exit(2)
	}
	if err := run(engines[os.Args[1]], os.Args[2], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(engine engine, file string, in io.Reader, out io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var read world
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	decide, err := engine.prepare(&read)
	if err != nil {
		return err
	}
	outcomes, err := firstOutcomes(decide, read.Requests)
	if err != nil {
		return err
	}
	first := map[string]any{"version": versionOf(engine.module), "outcomes": outcomes}
	if err := json.NewEncoder(out).Encode(first); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		calls, err := strconv.Atoi(lines.Text())
		if err != nil || calls < 1 {
			return errors.New("a number of decisions is expected")
		}
		us, err := cpuPerCallUs(decide, read.Requests, calls)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, us)
	}
	return nil
}

func versionOf(module string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dependency := range info.Deps {
			if dependency.Path == module {
				return dependency.Version
			}
		}
	}
	return "unknown"
}

func firstOutcomes(decide decide, requests []request) ([]string, error) {
	outcomes := make([]string, min(compared, len(requests)))
	for index := range outcomes {
		outcome, err := decide(&requests[index])
		if err != nil {
			return nil, err
		}
		outcomes[index] = outcome
	}
	return outcomes, nil
}

// cpuPerCallUs counts all threads of the process, so that garbage collection is part of it. Seven shares no factor with
// the number of requests: few calls meet requests of every kind all the same.
func cpuPerCallUs(decide decide, requests []request, calls int) (float64, error) {
	startUs := cpuUs()
	for index := range calls {
		if _, err := decide(&requests[index*7%len(requests)]); err != nil {
			return 0, err
		}
	}
	return float64(cpuUs()-startUs) / float64(calls), nil
}

func cpuUs() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return (usage.Utime.Nano() + usage.Stime.Nano()) / 1000
}
