package outbound

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestGuard(t *testing.T) {
	const open, private, never = "open", "private", "never"
	for address, want := range map[string]string{
		"93.184.216.34": open, "1.1.1.1": open, "172.32.0.1": open, "100.128.0.1": open,
		"2606:4700::1111": open, "2a00:1450::1": open,

		"127.0.0.1": private, "10.0.0.1": private, "172.16.5.5": private, "192.168.1.1": private,
		"100.64.0.1": private, "::1": private, "fd00::1": private,
		"::ffff:127.0.0.1": private, "::ffff:10.1.2.3": private,

		"0.0.0.0": never, "0.1.2.3": never, "::": never, "169.254.169.254": never, "fe80::1": never,
		"::ffff:169.254.169.254": never, "224.0.0.1": never, "ff02::1": never, "255.255.255.255": never,
		"192.0.2.1": never, "198.51.100.7": never, "203.0.113.9": never, "2001:db8::1": never, "3fff::1": never,
		"198.18.0.1": never, "240.0.0.1": never, "192.88.99.1": never, "192.0.0.8": never,
		"64:ff9b::a00:1": never, "64:ff9b:1::1": never, "2002:a00:1::": never, "2001::1": never,
		"168.63.129.16": never, "100.100.100.200": never, "::ffff:100.100.100.200": never, "fd00:ec2::254": never, "fd00:ec2::23": never,
		"fd20:ce::254": never, "fd00:c1::a9fe:a9fe": never, "fd00:42::42": never, "fd00:a9fe:a9fe::1": never, "fd00:100::100:200": never,
		"100.100.100.201": private, "fd20:ce::255": private, "168.63.129.17": open,
		"::ffff:0:7f00:1": never, "2001:0:7f00:1::": never, "64:ff9b::a9fe:a9fe": never, "2002:a9fe:a9fe::": never,
		"::7f00:1": never, "fec0::1": never, "100::1": never, "4000::1": never,
	} {
		addr := netip.MustParseAddr(address)
		if err := (Guard{}).Check(addr); (err == nil) != (want == open) {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
		if err := (Guard{AllowPrivate: true}).Check(addr); (err == nil) != (want != never) {
			t.Errorf("%s with private networks allowed: %v, want %s", address, err, want)
		}
	}
	if (Guard{AllowPrivate: true}).Check(netip.Addr{}) == nil {
		t.Error("no address at all is allowed")
	}
}

func TestGuardJudgesMappedAddressesAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var four [4]byte
		copy(four[:], rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address"))
		plain := netip.AddrFrom4(four)
		mapped := netip.AddrFrom16(plain.As16())
		if (Guard{}.Check(plain) == nil) != (Guard{}.Check(mapped) == nil) {
			t.Fatalf("%s and %s are judged differently", plain, mapped)
		}
	})
}

func TestGuardedTransport(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	named := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	for _, address := range []string{server.URL, named} {
		_, err := (&Client{Transport: Guard{}.Transport()}).Do(get(t, address))
		if _, ok := errors.AsType[*AddressError](err); !ok {
			t.Errorf("%s: %v", address, err)
		}
	}
	transport := Guard{AllowPrivate: true}.Transport()
	defer transport.CloseIdleConnections()
	if _, err := (&Client{Transport: transport}).Do(get(t, server.URL)); err != nil {
		t.Error(err)
	}
}

func TestRedact(t *testing.T) {
	for address, want := range map[string]string{
		"https://a.example/x?b=1&a=2":                      "https://a.example/x?b=1&a=2",
		"https://u:p@a.example/":                           "https://REDACTED@a.example/",
		"https://a.example/?secret=s3&x=1&API_KEY=k&key=q": "https://a.example/?secret=REDACTED&x=1&API_KEY=REDACTED&key=REDACTED",
		"https://a.example/?s%65cret=s3":                   "https://a.example/?s%65cret=REDACTED",
		"https://a.example/?%zz=s3":                        "https://a.example/?%zz=REDACTED",
		"https://a.example/#token":                         "https://a.example/",
		"http://a b/%":                                     "(unreadable address)",
	} {
		if got := RedactURL(address); got != want {
			t.Errorf("%s gave %s, want %s", address, got, want)
		}
	}
	h := http.Header{"Authorization": {"Bearer x"}, "X-Auth-Token": {"y"}, "Accept": {"z"}}
	got := RedactHeader(h)
	if got.Get("Authorization") != hidden || got.Get("X-Auth-Token") != hidden || got.Get("Accept") != "z" || h.Get("Authorization") != "Bearer x" {
		t.Errorf("headers: %v", got)
	}
}

func FuzzRedactURL(f *testing.F) {
	f.Add("https://u:p@a.example/?secret=s&x=1")
	f.Add("?token=1;2&&=")
	f.Fuzz(func(t *testing.T, prefix string) {
		const secret = "Zq9xKladkaSecret"
		if strings.Contains(prefix, secret) || strings.ContainsAny(prefix, "#") {
			t.Skip()
		}
		if got := RedactURL("https://a.example/?" + prefix + "&token=" + secret); strings.Contains(got, secret) {
			t.Errorf("the secret is in %s", got)
		}
	})
}
