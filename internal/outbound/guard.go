package outbound

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// Guard dials only addresses that users may name. It judges the resolved address right before
// the connection, so that neither a redirect nor a name that changes its address gets past it.
type Guard struct {
	// AllowPrivate admits private, loopback and carrier-grade addresses. The metadata services of
	// clouds, link-local ones (most of those live there), multicast and reserved ranges stay forbidden.
	AllowPrivate bool
	// Resolver looks names up; nil is the system's.
	Resolver *net.Resolver
}

// AddressError means that an address is out of bounds.
type AddressError struct {
	Address netip.Addr
	Reason  string
}

func (e *AddressError) Error() string {
	return fmt.Sprintf("refused to connect to %s: %s", e.Address, e.Reason)
}

// ranges that are refused although they look like ordinary unicast addresses. The last ones
// carry an IPv4 address inside, which a gateway would reach on our behalf.
var refused = []struct {
	prefix netip.Prefix
	reason string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "it means this network"},
	{netip.MustParsePrefix("192.0.0.0/24"), "it is reserved for protocols"},
	{netip.MustParsePrefix("192.0.2.0/24"), "it is reserved for documentation"},
	{netip.MustParsePrefix("198.51.100.0/24"), "it is reserved for documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "it is reserved for documentation"},
	{netip.MustParsePrefix("198.18.0.0/15"), "it is reserved for benchmarks"},
	{netip.MustParsePrefix("192.88.99.0/24"), "it is a 6to4 relay"},
	{netip.MustParsePrefix("240.0.0.0/4"), "it is reserved"},
	{netip.MustParsePrefix("100::/64"), "it is a discard range"},
	{netip.MustParsePrefix("2001:db8::/32"), "it is reserved for documentation"},
	{netip.MustParsePrefix("3fff::/20"), "it is reserved for documentation"},
	{netip.MustParsePrefix("fec0::/10"), "it is site-local"},
	{netip.MustParsePrefix("64:ff9b::/96"), "it is translated to IPv4 (NAT64)"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "it is translated to IPv4 (NAT64)"},
	{netip.MustParsePrefix("2002::/16"), "it is tunnelled to IPv4 (6to4)"},
	{netip.MustParsePrefix("2001::/23"), "it is reserved for protocols"},
	{netip.MustParsePrefix("::/96"), "it is a deprecated form of IPv4"},
}

// metadata holds those metadata services of clouds that lie in other ranges than the link-local
// ones. They hand out the machine's credentials, which is not what somebody wants who admits private
// networks.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("168.63.129.16/32"),       // Azure
	netip.MustParsePrefix("100.100.100.200/32"),     // Alibaba
	netip.MustParsePrefix("fd00:100::100:200/128"),  // Alibaba
	netip.MustParsePrefix("fd00:ec2::/32"),          // AWS
	netip.MustParsePrefix("fd20:ce::254/128"),       // Google
	netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), // Oracle
	netip.MustParsePrefix("fd00:42::42/128"),        // Scaleway
	netip.MustParsePrefix("fd00:a9fe:a9fe::1/128"),  // Linode
}

var (
	carrierGrade = netip.MustParsePrefix("100.64.0.0/10")
	globalIPv6   = netip.MustParsePrefix("2000::/3")
)

// Check tells whether an address may be connected to.
func (g Guard) Check(addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	no := func(reason string) error { return &AddressError{Address: addr, Reason: reason} }
	switch {
	case !addr.IsValid():
		return no("it is no address")
	case addr.IsUnspecified():
		return no("it is unspecified")
	case addr.IsMulticast():
		return no("it is multicast")
	case addr.IsLinkLocalUnicast():
		return no("it is link-local")
	case slices.ContainsFunc(metadata, func(p netip.Prefix) bool { return p.Contains(addr) }):
		return no("it is a cloud's metadata service")
	case addr.IsLoopback() || addr.IsPrivate() || carrierGrade.Contains(addr):
		if g.AllowPrivate {
			return nil
		}
		return no("it belongs to a private network; KLADKA_ALLOW_PRIVATE_NETWORKS admits those")
	}
	for _, r := range refused {
		if r.prefix.Contains(addr) {
			return no(r.reason)
		}
	}
	if addr.Is6() && !globalIPv6.Contains(addr) {
		return no("it is no global address")
	}
	return nil
}

// Control is a net.Dialer's Control function: it sees the address after name resolution.
func (g Guard) Control(_, address string, _ syscall.RawConn) error {
	resolved, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read the address %q to connect to: %w", address, err)
	}
	return g.Check(resolved.Addr())
}

// DialContext connects after the resolved address was judged.
func (g Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: g.Control, Resolver: g.Resolver}
	return d.DialContext(ctx, network, address)
}

// Transport makes a transport that connects through the guard and through no proxy: a proxy
// would resolve the name itself, behind the guard's back.
func (g Guard) Transport() *http.Transport {
	return &http.Transport{
		DialContext:           g.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          32,
		IdleConnTimeout:       30 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}
