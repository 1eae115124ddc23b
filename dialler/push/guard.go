package push

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"ringback/dialler"
)

// A Guard says which addresses may be connected to: those of the public
// Internet, and those that are allowed by name or network. The zero Guard
// allows no others.
type Guard struct {
	nets  []netip.Prefix
	hosts map[string]bool
}

// NewGuard makes one that also allows what allow lists: networks
// ("10.1.2.0/24"), addresses ("127.0.0.1") and host names ("crm.internal",
// whatever they resolve to). The error joins a [*dialler.FieldError] for the
// first that is none of these.
func NewGuard(allow []string) (*Guard, error) {
	g := &Guard{hosts: map[string]bool{}}
	for i, s := range allow {
		switch p, err := netip.ParsePrefix(s); {
		case err == nil:
			g.nets = append(g.nets, p.Masked())
			continue
		case strings.Contains(s, "/"):
			return nil, notAllowable(i, s)
		}
		if a, err := netip.ParseAddr(s); err == nil {
			a = a.Unmap()
			g.nets = append(g.nets, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		h := strings.ToLower(strings.TrimSuffix(s, "."))
		if h == "" || strings.ContainsAny(h, ":/@[]*? ") {
			return nil, notAllowable(i, s)
		}
		g.hosts[h] = true
	}
	return g, nil
}

func notAllowable(i int, s string) error {
	return &dialler.FieldError{Field: fmt.Sprintf("allow[%d]", i), Got: strconv.Quote(s),
		Want: "a network such as 10.1.2.0/24, an address, or a host name without a port"}
}

// reserved are the networks that are not of the public Internet, or lead out
// of it by another address inside, each with what it is: IANA's special
// purpose registries.
var reserved = []struct {
	net  netip.Prefix
	what string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified address"},
	{netip.MustParsePrefix("10.0.0.0/8"), "a private address"},
	{netip.MustParsePrefix("100.64.0.0/10"), "a carrier's shared address"}, // RFC 6598
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"}, // and the clouds' metadata
	{netip.MustParsePrefix("172.16.0.0/12"), "a private address"},
	{netip.MustParsePrefix("192.0.0.0/24"), "a reserved address"},
	{netip.MustParsePrefix("192.0.2.0/24"), "a documentation address"},
	{netip.MustParsePrefix("192.88.99.0/24"), "a 6to4 relay"},
	{netip.MustParsePrefix("192.168.0.0/16"), "a private address"},
	{netip.MustParsePrefix("198.18.0.0/15"), "a benchmarking address"},
	{netip.MustParsePrefix("198.51.100.0/24"), "a documentation address"},
	{netip.MustParsePrefix("203.0.113.0/24"), "a documentation address"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"}, // and the broadcast

	{netip.MustParsePrefix("2001::/23"), "a reserved address"}, // Teredo, ORCHID, …
	{netip.MustParsePrefix("2001:db8::/32"), "a documentation address"},
	{netip.MustParsePrefix("2002::/16"), "a 6to4 address"}, // it leads to the IPv4 address inside
	{netip.MustParsePrefix("3fff::/20"), "a documentation address"},
	{netip.MustParsePrefix("fc00::/7"), "a private address"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
	{netip.MustParsePrefix("::1/128"), "a loopback address"},
}

// global is where the IPv6 Internet is, all of it. What is outside is mapped,
// translated, local or not given out.
var global = netip.MustParsePrefix("2000::/3")

// refuse says what is wrong with an address, or "" if it may be connected to.
func (g *Guard) refuse(a netip.Addr) string {
	zone := a.Zone() != ""
	a = a.Unmap().WithZone("") // ::ffff:127.0.0.1 is 127.0.0.1
	for _, n := range g.nets {
		if n.Contains(a) {
			return ""
		}
	}
	for _, r := range reserved {
		if r.net.Contains(a) {
			return r.what
		}
	}
	switch {
	case zone:
		return "a link-local address"
	case a.Is6() && !global.Contains(a):
		return "not an address of the public Internet"
	}
	return ""
}

// A RefusedError says that no connection was made because of the address.
type RefusedError struct {
	Addr netip.Addr
	What string // "a loopback address"
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s is %s; nothing is sent there unless push.allow lists it", e.Addr, e.What)
}

// dial connects, if the address may be connected to. That is asked about the
// very address of the socket, after the name was looked up, so a name that
// resolves to something else the second time gains nothing.
func (g *Guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := &net.Dialer{Timeout: dialTime, KeepAliveConfig: net.KeepAliveConfig{Enable: false}}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if !g.hosts[strings.ToLower(strings.TrimSuffix(host, "."))] {
		d.Control = func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%s is not an address: %w", address, err)
			}
			if what := g.refuse(at.Addr()); what != "" {
				return &RefusedError{at.Addr().Unmap(), what}
			}
			return nil
		}
	}
	return d.DialContext(ctx, network, address)
}
