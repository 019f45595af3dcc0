// watch-holder stands before etcd: every call passes, but while a file exists watches tell nothing.
//
// An API server behind it answers reads and writes as ever, and its watch cache stands still: a list with
// resourceVersion=0 is as old as the file. That is what kubernetes/kubernetes#97294 and #59848 met in the field.
package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"
)

const look = 100 * time.Millisecond

// held is the answer to a watch; what it has to tell waits until the file is gone.
type held struct {
	io.ReadCloser
	file string
}

func (h held) Read(into []byte) (int, error) {
	n, err := h.ReadCloser.Read(into)
	for {
		if _, gone := os.Stat(h.file); gone != nil {
			return n, err
		}
		time.Sleep(look)
	}
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("watch-holder ADDRESS ETCD FILE")
	}
	address, file := os.Args[1], os.Args[3]
	etcd, err := url.Parse(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	var grpc http.Protocols
	grpc.SetUnencryptedHTTP2(true)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(etcd)
			request.Out.Header["Te"] = []string{"trailers"} // a proxy drops it, and gRPC refuses calls without it
		},
		Transport:     &http.Transport{Protocols: &grpc},
		FlushInterval: -1,
		ModifyResponse: func(answer *http.Response) error {
			if strings.HasPrefix(answer.Request.URL.Path, "/etcdserverpb.Watch/") {
				answer.Body = held{answer.Body, file}
			}
			return nil
		},
	}
	server := &http.Server{Addr: address, Handler: proxy, Protocols: &grpc, ReadHeaderTimeout: time.Minute}
	log.Fatal(server.ListenAndServe())
}
