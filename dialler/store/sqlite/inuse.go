package sqlite

import "fmt"

// An InUseError says that another process has the store open. One SQLite file
// serves one dialler; several share a Postgres.
type InUseError struct {
	Path string
	PID  int // of the other process; 0: it did not say
}

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s is in use by another process; one SQLite file serves one ringback", e.Path)
	}
	return fmt.Sprintf("%s is in use by process %d; one SQLite file serves one ringback", e.Path, e.PID)
}
