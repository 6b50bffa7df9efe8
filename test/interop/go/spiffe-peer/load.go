package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffetls"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// Side by side: enough that there is always one under way.
const (
	dialers      = 4
	dialPause    = 5 * time.Millisecond
	maxComplaint = 10
)

// load counts handshakes in which each side took the other's SVID: a line went there, and one came back.
func load(ctx context.Context, s settings) error {
	source, authorizer, err := identity(context.Background(), s)
	if err != nil {
		return err
	}
	defer source.Close()
	report(os.Stdout, map[string]string{"dialling": s.address})
	var done, failed atomic.Int64
	var mutex sync.Mutex
	complaints := []string{}
	var group sync.WaitGroup
	for range dialers {
		group.Go(func() {
			for ctx.Err() == nil {
				if err := exchange(s, source, authorizer); err != nil {
					failed.Add(1)
					mutex.Lock()
					if len(complaints) < maxComplaint {
						complaints = append(complaints, time.Now().UTC().Format(time.RFC3339Nano)+" "+err.Error())
					}
					mutex.Unlock()
				} else {
					done.Add(1)
				}
				time.Sleep(dialPause)
			}
		})
	}
	group.Wait()
	report(os.Stdout, map[string]any{"handshakes": done.Load(), "failed": failed.Load(), "complaints": complaints})
	return nil
}

// exchange is whole even when the load ends meanwhile: what is cut off by ourselves is no failure.
func exchange(s settings, source *workloadapi.X509Source, authorizer tlsconfig.Authorizer) error {
	ctx, cancel := context.WithTimeout(context.Background(), exchangeTimeout)
	defer cancel()
	var connection net.Conn
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
	_, err = bufio.NewReader(connection).ReadString('\n')
	return err
}
