// Command awsfake serves IAM, STS, EC2 and EKS on loopback, for tests, the demo and trying the guard out without an AWS account:
//
//	go run ./test/awsfake --seed test/awsfake/seed.yaml --listen 127.0.0.1:4566
//	export AWS_ENDPOINT_URL_IAM=http://127.0.0.1:4566 AWS_ENDPOINT_URL_STS=http://127.0.0.1:4566
//	export AWS_ENDPOINT_URL_EC2=http://127.0.0.1:4566 AWS_ENDPOINT_URL_EKS=http://127.0.0.1:4566 AWS_REGION=us-west-2
//	export AWS_ACCESS_KEY_ID=guard AWS_SECRET_ACCESS_KEY=any
//
// The switches are turned while it runs: curl -X PUT 127.0.0.1:4566/faults -d '{"latency":"40ms","answer":"html-404"}'.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/test/awsfake/fake"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "awsfake:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context) error {
	seed := flag.String("seed", "", "seed `FILE`; none: an empty account that any credentials open")
	listen := flag.String("listen", "127.0.0.1:4566", "`ADDRESS` to listen on; port 0: any that is free")
	flag.Parse()
	var s fake.Seed
	var err error
	if *seed != "" {
		if s, err = fake.Load(*seed); err != nil {
			return err
		}
	}
	handler, err := fake.New(s)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close() // what hangs by order must not keep the process
	}()
	fmt.Printf("listening on http://%s\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
