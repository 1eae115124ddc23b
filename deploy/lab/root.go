package lab

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNotInstalled means that there is no Asterisk in the lab's folder yet.
var ErrNotInstalled = errors.New("the lab's Asterisk is not installed")

//go:embed install.sh
var installScript string

// Folder is where the lab lives: $RINGBACK_LAB, or .lab in the repository that the
// working directory is in, or .lab in the working directory.
func Folder() (string, error) {
	if dir := os.Getenv("RINGBACK_LAB"); dir != "" {
		return filepath.Abs(dir)
	}
	wd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the lab's folder: %w", err)
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, ".lab"), nil
		}
		if dir == filepath.Dir(dir) {
			return filepath.Join(wd, ".lab"), nil
		}
	}
}

// Root is the installed root, with symbolic links resolved. The error is
// [ErrNotInstalled] when install.sh has not run to its end.
func Root() (string, error) {
	folder, err := Folder()
	if err != nil {
		return "", err
	}
	root := filepath.Join(folder, "asterisk")
	if _, err := stamp(root); err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(root)
}

// stamp reads what install.sh wrote as its last act.
func stamp(root string) (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(root, ".ringback-lab"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s: run `make setup`", ErrNotInstalled, root)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the lab's stamp: %w", err)
	}
	facts := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			facts[key] = value
		}
	}
	return facts, nil
}

// Version is that of the Asterisk in root ("22.10.1").
func Version(root string) (string, error) {
	facts, err := stamp(root)
	return facts["version"], err
}

// Install runs install.sh, which does nothing when its work is done, and writes what
// it says to out.
func Install(ctx context.Context, out io.Writer) error {
	folder, err := Folder()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "bash", "-s")
	cmd.Stdin = strings.NewReader(installScript)
	cmd.Env = append(os.Environ(), "RINGBACK_LAB="+folder)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("installing the lab in %s: %w", folder, err)
	}
	return nil
}

// TB is the part of testing.TB that [Require] uses.
type TB interface {
	Helper()
	Skip(args ...any)
	Fatal(args ...any)
}

// Require returns the installed root, or skips the test and says how to un-skip it.
// With RINGBACK_TEST_REQUIRE=1 a missing lab fails the test, so that a run that was
// to skip nothing cannot.
func Require(t TB) (root string) {
	t.Helper()
	root, err := Root()
	if err == nil && os.Geteuid() != 0 {
		err = errors.New("the lab needs root (chroot)")
	}
	if err == nil {
		return root
	}
	if os.Getenv("RINGBACK_TEST_REQUIRE") == "1" {
		t.Fatal(err, "(RINGBACK_TEST_REQUIRE=1: not skipping)")
	}
	t.Skip(err, "(to run this test: make setup)")
	return ""
}
