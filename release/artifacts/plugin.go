package artifacts

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// shells are those with a completion script, and the names under which they look for one.
var shells = []struct{ name, file string }{
	{"bash", "kubectl-awsauth.bash"},
	{"fish", "kubectl-awsauth.fish"},
	{"powershell", "kubectl-awsauth.ps1"},
	{"zsh", "_kubectl-awsauth"},
}

// complete is the program that kubectl asks for the plugin's arguments (internal/cli/completion.go). It is a script, since krew
// unpacks no links.
const complete = "#!/bin/sh\nexec kubectl-awsauth __complete \"$@\"\n"

// pluginFile is the name of the plugin's archive for a platform.
func (r *Release) pluginFile(platform string) string {
	name := "kubectl-awsauth_" + r.Version + "_" + strings.ReplaceAll(platform, "/", "_")
	if strings.HasPrefix(platform, "windows/") {
		return name + ".zip"
	}
	return name + ".tar.gz"
}

// plugins makes the plugin's archives and their SBOMs.
func (r *Release) plugins(ctx context.Context, work string) error {
	common, err := r.pluginTexts(ctx, work)
	if err != nil {
		return err
	}
	for _, platform := range r.Platforms {
		if err := r.plugin(ctx, filepath.Join(work, "plugin", platform), platform, common); err != nil {
			return err
		}
	}
	return nil
}

func (r *Release) plugin(ctx context.Context, dir, platform string, common []file) error {
	program, err := r.compile(ctx, "kubectl-awsauth", platform, dir)
	if err != nil {
		return err
	}
	if err := r.sbom(ctx, "kubectl-awsauth", program, platform); err != nil {
		return err
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	files := []file{{filepath.Base(program), 0o755, data}}
	if !strings.HasPrefix(platform, "windows/") {
		files = append(files, file{"kubectl_complete-awsauth", 0o755, []byte(complete)})
	}
	name := r.path(r.pluginFile(platform))
	if err := archive(name, append(files, common...), r.Time); err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	r.note("%s: %.1f MB", filepath.Base(name), float64(info.Size())/1e6)
	return limited(filepath.Base(name), info.Size(), maxPlugin)
}

// pluginTexts are the files that are the same for all platforms: licence, completions and man pages.
func (r *Release) pluginTexts(ctx context.Context, work string) ([]file, error) {
	licence, err := os.ReadFile(filepath.Join(r.Root, "LICENSE"))
	if err != nil {
		return nil, err
	}
	files := []file{{"LICENSE", 0o644, licence}}
	program, err := r.compile(ctx, "kubectl-awsauth", "", work)
	if err != nil {
		return nil, err
	}
	for _, shell := range shells {
		cmd := r.goCommand(ctx, "", "")
		cmd.Path, cmd.Args = program, []string{program, "completion", shell.name}
		script, err := run(cmd)
		if err != nil {
			return nil, err
		}
		files = append(files, file{"completions/" + shell.file, 0o644, script})
	}
	pages, err := r.manPages(ctx, filepath.Join(work, "man"))
	return append(files, pages...), err
}

// manPages are in the order of their names.
func (r *Release) manPages(ctx context.Context, dir string) ([]file, error) {
	cmd := r.goCommand(ctx, "", "run", "-ldflags", r.ldflags(), "./internal/cli/genman", dir)
	cmd.Env = append(cmd.Env, "SOURCE_DATE_EPOCH="+strconv.FormatInt(r.Time.Unix(), 10), "TZ=UTC")
	if _, err := run(cmd); err != nil {
		return nil, err
	}
	pages, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, page := range pages {
		data, err := os.ReadFile(filepath.Join(dir, page.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, file{"man/man1/" + page.Name(), 0o644, data})
	}
	return files, nil
}
