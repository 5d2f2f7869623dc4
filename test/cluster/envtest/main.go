// Command envtest downloads etcd, kube-apiserver and kubectl as setup-envtest does, in a pinned version with a pinned hash:
//
//	go run . [--index URL] DIR
//
// It prints the directory below DIR that holds them, and downloads nothing if they are already there. If it cannot have
// them, it says why in one line and exits with 1, within seconds if there is no network. programs.sh then builds them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"sigs.k8s.io/controller-runtime/tools/setup-envtest/remote"
)

func main() {
	index := flag.String("index", remote.DefaultIndexURL, "the `URL` of the list of archives")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "envtest: want one directory; for instance: envtest ~/.cache/aws-auth-guard")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := source{index: *index, sums: sums, answer: 5 * time.Second, pause: 15 * time.Second, progress: os.Stderr}
	dir, err := s.download(ctx, flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, "envtest:", err)
		os.Exit(1)
	}
	fmt.Println(dir)
}
