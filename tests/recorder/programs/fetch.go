// Fetches each address that it is given and reads a file, as a static program without a C library does.
package main

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"os/exec"
)

func main() {
	http.DefaultTransport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	for _, address := range os.Args[1:] {
		answer, err := http.Get(address)
		if err != nil {
			panic(err)
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
	if _, err := os.ReadFile("/etc/hostname"); err != nil {
		panic(err)
	}
	if err := exec.Command("/bin/true").Run(); err != nil {
		panic(err)
	}
}
