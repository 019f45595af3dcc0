// csi-lab is the lab's CSI driver: volumes that belong to no node, as a cloud's block storage has them.
//
// A volume is a sparse file in a pool that every node of the lab mounts (XFS with reflinks), with an XFS file system
// in it. The node that runs the pod loop-mounts it, so a size limit is a real one. A snapshot or a clone is a reflink
// copy of the file: at once, and as consistent as the disk of a machine that lost power.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
)

const driverName = "lab.mysqlops.io"

func main() {
	socket := flag.String("socket", "/var/lib/kubelet/plugins/"+driverName+"/csi.sock", "where to serve CSI")
	registration := flag.String("registration", "/var/lib/kubelet/plugins_registry/"+driverName+"-reg.sock", "kubelet's")
	node := flag.String("node", "", "name of this node")
	folder := flag.String("pool", "/var/lib/lab-storage", "the pool, on XFS with reflinks")
	flag.Parse()

	pool, err := openPool(*folder)
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(serveRegistration(*registration, *socket)) }()
	log.Fatal(serve(*socket, func(server *grpc.Server) {
		csi.RegisterIdentityServer(server, &identity{})
		csi.RegisterControllerServer(server, &controller{pool: pool})
		csi.RegisterNodeServer(server, &nodeService{name: *node, pool: pool})
	}))
}

// serve listens on a fresh unix socket.
func serve(path string, register func(*grpc.Server)) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	_ = os.Remove(path)
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(logErrors))
	register(server)
	return server.Serve(listener)
}

func logErrors(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	answer, err := next(ctx, request)
	if err != nil {
		log.Printf("%s: %v", info.FullMethod, err)
	}
	return answer, err
}
