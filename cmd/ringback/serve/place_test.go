package serve

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"ringback/dialler"
)

// A process is gone only where this machine would know it.
func TestWhoIsGone(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are told apart by what Linux has in /proc")
	}
	ended := exec.Command(os.Args[0], "-test.run=^$")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	was := here()
	was.PID = ended.Process.Pid
	elsewhere, unknown := was, was
	elsewhere.Machine, unknown.Machine = "another boot pid:[1]", ""
	for name, tt := range map[string]struct {
		p    dialler.Process
		want bool
	}{
		"one that has ended":           {was, true},
		"this one":                     {here(), false},
		"init, which is somebody's":    {dialler.Process{PID: 1, Machine: machine()}, false},
		"one on another machine":       {elsewhere, false},
		"one of which little is known": {unknown, false},
		"one without a PID":            {dialler.Process{Machine: machine()}, false},
	} {
		if got := gone(tt.p); got != tt.want {
			t.Errorf("%s: gone %v, want %v", name, got, tt.want)
		}
	}
}
