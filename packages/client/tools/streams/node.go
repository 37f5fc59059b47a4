// A node as far as its streams go: the streaming code of the kubelet, which connects to ports of this machine and runs its programs.
// Prints its port. Only main.ts builds it.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

type node struct{}

func (node) PortForward(_ context.Context, _, _ string, port int32, stream io.ReadWriteCloser) error {
	connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer connection.Close()
	go func() {
		_, _ = io.Copy(connection, stream)
		_ = connection.(*net.TCPConn).CloseWrite()
	}()
	_, err = io.Copy(stream, connection)
	return err
}

// With a terminal nothing runs: the sizes are told until one is 100 wide.
func (node) ExecInContainer(ctx context.Context, _, _, _ string, command []string, in io.Reader, out, errOut io.WriteCloser, tty bool, resize <-chan remotecommand.TerminalSize, _ time.Duration) error {
	if tty {
		for size := range resize {
			fmt.Fprintf(out, "%d x %d\n", size.Width, size.Height)
			if size.Width == 100 {
				return nil
			}
		}
		return nil
	}
	program := exec.CommandContext(ctx, command[0], command[1:]...)
	program.Stdin, program.Stdout, program.Stderr = in, out, errOut
	err := program.Run()
	if exited, ok := err.(*exec.ExitError); ok {
		return exitError{exited.ExitCode()}
	}
	return err
}

type exitError struct{ code int }

func (e exitError) Error() string   { return fmt.Sprintf("exit status %d", e.code) }
func (e exitError) String() string  { return e.Error() }
func (e exitError) Exited() bool    { return true }
func (e exitError) ExitStatus() int { return e.code }

func main() {
	http.HandleFunc("/portForward/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(os.Stderr, "port-forward over", r.Header.Get("Upgrade"))
		options, err := portforward.NewV4Options(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		portforward.ServePortForward(w, r, node{}, strings.Split(r.URL.Path, "/")[3], "", options, time.Hour, 30*time.Second, portforward.SupportedProtocols)
	})
	http.HandleFunc("/exec/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(os.Stderr, "exec over", r.Header.Get("Upgrade"))
		options, err := remotecommand.NewOptions(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		remotecommand.ServeExec(w, r, node{}, "", "", "", r.URL.Query()["command"], options, time.Hour, 30*time.Second, remotecommand.SupportedStreamingProtocols)
	})
	server := httptest.NewTLSServer(nil)
	server.Config.Handler = http.DefaultServeMux
	fmt.Println(server.Listener.Addr().(*net.TCPAddr).Port)
	_, _ = io.Copy(io.Discard, os.Stdin) // until whoever started it goes
}
