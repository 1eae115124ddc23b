package push

import (
	"errors"
	"net/netip"
	"testing"

	"ringback/dialler"
)

func TestGuard(t *testing.T) {
	var none Guard
	for _, a := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
		"169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.19.255.255",
		"198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
		"64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "2606:4700::1%eth0", "fec0::1", "ff02::1",
	} {
		if none.refuse(netip.MustParseAddr(a)) == "" {
			t.Errorf("%s may be connected to", a)
		}
	}
	for _, a := range []string{"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1", "172.15.255.255", "172.32.0.0",
		"192.167.255.255", "192.169.0.0", "223.255.255.255", "::ffff:8.8.8.8", "2606:4700:4700::1111", "2a00:1450::1", "2400:cb00::1"} {
		if what := none.refuse(netip.MustParseAddr(a)); what != "" {
			t.Errorf("%s is said to be %s", a, what)
		}
	}
	some, err := NewGuard([]string{"10.1.2.77/24", "127.0.0.1", "fd00::/8", "::ffff:192.168.7.7", "crm.internal", "CRM2.internal."})
	if err != nil {
		t.Fatal(err)
	}
	for a, ok := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.1.3.3": false, "127.0.0.1": true, "127.0.0.2": false, "fd00::1": true, "fc00::1": false, "192.168.7.7": true, "192.168.7.8": false} {
		if what := some.refuse(netip.MustParseAddr(a)); (what == "") != ok {
			t.Errorf("%s: %q", a, what)
		}
	}
	if !some.hosts["crm.internal"] || !some.hosts["crm2.internal"] {
		t.Errorf("hosts %v", some.hosts)
	}
	for _, bad := range []string{"", "10.0.0.0/33", "http://crm", "crm:8080", "*.internal", "a b"} {
		_, err := NewGuard([]string{"10.0.0.0/8", bad})
		var fe *dialler.FieldError
		if !errors.As(err, &fe) || fe.Field != "allow[1]" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
