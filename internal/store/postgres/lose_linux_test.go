package postgres

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

func TestADeadNetworkIsNoticed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []struct{ name, want int }{
		{unix.TCP_USER_TIMEOUT, 1000}, {unix.TCP_KEEPIDLE, 1}, {unix.TCP_KEEPINTVL, 1}, {unix.TCP_KEEPCNT, 2},
	} {
		var got int
		controlled := raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, o.name) })
		if controlled != nil || err != nil || got != o.want {
			t.Errorf("option %d is %d, %v, %v; want %d", o.name, got, controlled, err, o.want)
		}
	}
}
