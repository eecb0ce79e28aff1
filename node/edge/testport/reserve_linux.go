package testport

import "syscall"

// reserve holds a TCP port with a socket that is bound and does not listen. It is bound alone, so that only one
// holds a port, and agrees to share it afterwards, as every listener of Go does: then the port can be listened on.
func reserve(port int) (release func(), err error) {
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	err = syscall.Bind(s, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	if err == nil {
		err = syscall.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	}
	if err != nil {
		syscall.Close(s)
		return nil, err
	}
	return func() { syscall.Close(s) }, nil
}
