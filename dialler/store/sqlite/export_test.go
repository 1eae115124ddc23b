package sqlite

import "errors"

// Cut makes the n-th statement that is written from now on fail, and all that
// follow in its transaction, the rolling back too: the connection is thrown
// away, as that of a process that was killed. reached makes it well again.
func (s *Store) Cut(n int) (reached func() bool) {
	count := 0
	s.fault = func() error {
		if count++; count >= n {
			return errors.New("the process is gone")
		}
		return nil
	}
	return func() bool {
		s.fault = nil
		return count >= n
	}
}
