package lab

// Abandon lets go of an instance as a process that died would, and leaves its Asterisk.
func Abandon(a *Asterisk) { _ = a.lock.Close() }

// Alias is a's address with another password.
func Alias(a *Asterisk, password string) *Asterisk {
	return &Asterisk{ARIURL: a.ARIURL, User: a.User, Password: password}
}
