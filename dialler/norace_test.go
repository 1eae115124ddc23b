//go:build !race

package dialler

const raced = false
