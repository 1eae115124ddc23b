//go:build !race

package node

var buildFlags []string
