package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// One peer gets this long for its handshake and its line, so that a silent one cannot hold the server.
const exchangeTimeout = 10 * time.Second

func serve(ctx context.Context, s settings) error {
	source, authorizer, err := identity(ctx, s)
	if err != nil {
		return err
	}
	defer source.Close()
	listener, err := spiffetls.ListenWithMode(ctx, "tcp", s.address, spiffetls.MTLSServerWithSource(authorizer, source))
	if err != nil {
		return err
	}
	defer listener.Close()
	context.AfterFunc(ctx, func() { listener.Close() })
	report(os.Stdout, map[string]string{"listening": listener.Addr().String()})
	for answered := 0; s.count == 0 || answered < s.count; answered++ {
		connection, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := answer(connection); err != nil {
			report(os.Stdout, map[string]string{"refused": err.Error()})
		}
	}
	return nil
}

func answer(connection net.Conn) error {
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
		return err
	}
	line, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		return err
	}
	peer, err := spiffetls.PeerIDFromConn(connection)
	if err != nil {
		return err
	}
	line = strings.TrimRight(line, "\r\n")
	report(os.Stdout, map[string]string{"peer": peer.String(), "line": line})
	_, err = fmt.Fprintf(connection, "%s said %s\n", peer, line)
	return err
}

func dial(ctx context.Context, s settings) error {
	source, authorizer, err := identity(ctx, s)
	if err != nil {
		return err
	}
	defer source.Close()
	connection, err := spiffetls.DialWithMode(ctx, "tcp", s.address, spiffetls.MTLSClientWithSource(authorizer, source))
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(connection, "%s\n", s.line); err != nil {
		return err
	}
	line, err := bufio.NewReader(connection).ReadString('\n')
	if err != nil {
		return err
	}
	peer, err := spiffetls.PeerIDFromConn(connection)
	if err != nil {
		return err
	}
	report(os.Stdout, map[string]string{"peer": peer.String(), "answer": strings.TrimRight(line, "\r\n")})
	return nil
}

// identity waits for the first SVID; -authorize is either a whole SPIFFE ID or a trust domain, and never "anybody".
func identity(ctx context.Context, s settings) (*workloadapi.X509Source, tlsconfig.Authorizer, error) {
	if s.authorize == "" {
		return nil, nil, errors.New("give -authorize: the SPIFFE ID or trust domain that the peer must have")
	}
	id, err := spiffeid.FromString(s.authorize)
	if err != nil {
		return nil, nil, err
	}
	authorizer := tlsconfig.AuthorizeMemberOf(id.TrustDomain())
	if id.Path() != "" {
		authorizer = tlsconfig.AuthorizeID(id)
	}
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(workloadapi.WithAddr(s.socket)))
	return source, authorizer, err
}
