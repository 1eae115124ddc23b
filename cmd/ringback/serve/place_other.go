//go:build !unix

package serve

// noSuchProcess cannot be told here.
func noSuchProcess(int) bool { return false }
