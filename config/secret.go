package config

import "log/slog"

// A Secret is text that is never printed: neither by fmt, nor in JSON or YAML,
// nor by slog.
type Secret string

const hidden = "(secret)"

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String returns a stand-in, also for %v, %s and %q.
func (s Secret) String() string { return hidden }

// GoString is as String, for %#v.
func (s Secret) GoString() string { return hidden }

// MarshalText is as String, for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue is as String, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
