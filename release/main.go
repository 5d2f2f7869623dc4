// Command release makes and publishes what users get. release.sh and publish.sh run it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aws-auth-guard/aws-auth-guard/release/artifacts"
	"github.com/aws-auth-guard/aws-auth-guard/release/image"
	"github.com/aws-auth-guard/aws-auth-guard/release/registry"
)

const usage = `usage:
  release build -root DIR -out DIR -version VERSION -commit SHA -time SECONDS -helm FILE [-tagged] [-gocache DIR] PLATFORM...
  release image -name NAME:TAG -o FILE [-user UID:GID] PLATFORM=PROGRAM...
  release publish -dir DIR -version VERSION -helm FILE [-cosign FILE] REGISTRY`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "build":
			return build(ctx, args[1:])
		case "publish":
			return publish(ctx, args[1:])
		case "image":
			return packImage(args[1:])
		}
	}
	return errors.New(usage)
}

func build(ctx context.Context, args []string) error {
	r := &artifacts.Release{Log: os.Stderr}
	flags := flag.NewFlagSet("release build", flag.ExitOnError)
	flags.StringVar(&r.Root, "root", "", "the checkout")
	flags.StringVar(&r.Out, "out", "", "directory to write to")
	flags.StringVar(&r.Version, "version", "", "MAJOR.MINOR.PATCH")
	flags.StringVar(&r.Commit, "commit", "", "the commit's hash")
	seconds := flags.Int64("time", 0, "the commit's time, in seconds since 1970")
	flags.BoolVar(&r.Tagged, "tagged", false, "the commit has the version's tag")
	flags.StringVar(&r.Helm, "helm", "helm", "the program")
	flags.StringVar(&r.Cache, "gocache", "", "GOCACHE of what is shipped")
	_ = flags.Parse(args)
	if r.Root == "" || r.Out == "" || r.Commit == "" || *seconds == 0 {
		return errors.New(usage)
	}
	r.Time, r.Platforms = time.Unix(*seconds, 0), flags.Args()
	return r.Build(ctx)
}

func publish(ctx context.Context, args []string) error {
	p := &registry.Publication{Log: os.Stderr}
	flags := flag.NewFlagSet("release publish", flag.ExitOnError)
	flags.StringVar(&p.Dir, "dir", "", "directory of the release")
	flags.StringVar(&p.Version, "version", "", "its version")
	flags.StringVar(&p.Helm, "helm", "helm", "the program")
	flags.StringVar(&p.Cosign, "cosign", "", "the program; nothing is signed if empty")
	_ = flags.Parse(args)
	if p.Dir == "" || p.Version == "" || flags.NArg() != 1 {
		return errors.New(usage)
	}
	p.Registry = flags.Arg(0)
	published, err := p.Publish(ctx)
	if err != nil {
		return err
	}
	fmt.Println(published.Install())
	return nil
}

func packImage(args []string) error {
	flags := flag.NewFlagSet("release image", flag.ExitOnError)
	name := flags.String("name", "", "name of the image, with a tag")
	user := flags.String("user", "65532:65532", "uid:gid that the program runs as")
	out := flags.String("o", "", "tar file to write")
	_ = flags.Parse(args)
	if *name == "" || *out == "" || flags.NArg() == 0 {
		return errors.New(usage)
	}
	var programs []image.Program
	for _, arg := range flags.Args() {
		platform, file, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q is not PLATFORM=PROGRAM, such as linux/arm64=bin/webhook", arg)
		}
		programs = append(programs, image.Program{Platform: platform, File: file})
	}
	index, err := image.Index(programs, image.Config{User: *user})
	if err != nil {
		return err
	}
	sizes, err := image.Sizes(index)
	if err != nil {
		return err
	}
	for _, size := range sizes {
		fmt.Println(size)
	}
	return image.Write(index, *name, *out)
}
