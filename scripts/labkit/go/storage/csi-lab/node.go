package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A pod that was deleted without grace still ends on its node while its successor starts on another one.
const (
	releaseWait = 20 * time.Second
	releasePoll = 50 * time.Millisecond
)

type nodeService struct {
	csi.UnimplementedNodeServer
	name string
	pool *pool
}

// attachedAs names the loop device that holds a volume, or nothing. Loop devices belong to the kernel, so this sees
// those of every node of the lab, and never one of a node that was killed: its mounts went, and their devices with them.
func attachedAs(id string) string {
	files, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && filepath.Base(strings.TrimSpace(string(text))) == id+".img" {
			return "/dev/" + strings.Split(file, "/")[3]
		}
	}
	return ""
}

func isMounted(path string) bool {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	for _, line := range strings.Split(string(text), "\n") {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == path {
			return true
		}
	}
	return false
}

func (n *nodeService) NodeStageVolume(
	ctx context.Context, r *csi.NodeStageVolumeRequest,
) (*csi.NodeStageVolumeResponse, error) {
	if r.VolumeId == "" || r.StagingTargetPath == "" || r.VolumeCapability == nil {
		return nil, status.Error(codes.InvalidArgument, "volume id, staging path and capability are needed")
	}
	if _, err := n.pool.find(r.VolumeId); err != nil {
		return nil, status.Errorf(codes.NotFound, "volume %s: %v", r.VolumeId, err)
	}
	if isMounted(r.StagingTargetPath) {
		return &csi.NodeStageVolumeResponse{}, nil
	}
	if err := os.MkdirAll(r.StagingTargetPath, 0o750); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	// As drivers do that attach a disk: kubelet asks again only after 0.5 s, 1 s, 2 s and so on.
	for end := time.Now().Add(releaseWait); ; time.Sleep(releasePoll) {
		device, err := n.mountUnlessHeld(r.VolumeId, r.StagingTargetPath)
		if err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
		if device == "" {
			return &csi.NodeStageVolumeResponse{}, fill(r.VolumeId, r.StagingTargetPath)
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return nil, status.Errorf(codes.FailedPrecondition, "%s is still mounted elsewhere (%s)", r.VolumeId, device)
		}
	}
}

// mountUnlessHeld mounts a volume, or names the device of whoever still holds it: two mounts of one file system destroy
// it. The lock is for another node that waits for the same volume.
func (n *nodeService) mountUnlessHeld(id, path string) (string, error) {
	image, err := os.Open(n.pool.image(id))
	if err != nil {
		return "", err
	}
	defer image.Close()
	if err := syscall.Flock(int(image.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if isMounted(path) {
		return "", nil // by an earlier request for it, which kubelet did not wait for
	}
	if device := attachedAs(id); device != "" {
		return device, nil
	}
	// nouuid: a clone bears its source's UUID and may be mounted beside it.
	return "", run("mount", "-t", "xfs", "-o", "loop,nouuid", n.pool.image(id), path)
}

// fill grows the file system to its device: a volume may have been restored into, or expanded to, a larger one.
func fill(id, path string) error {
	device := attachedAs(id)
	if device == "" {
		return status.Errorf(codes.NotFound, "%s is not mounted", id)
	}
	if err := run("losetup", "--set-capacity", device); err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	if err := run("xfs_growfs", "-d", path); err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	return nil
}

func (n *nodeService) NodeUnstageVolume(
	_ context.Context, r *csi.NodeUnstageVolumeRequest,
) (*csi.NodeUnstageVolumeResponse, error) {
	if r.VolumeId == "" || r.StagingTargetPath == "" {
		return nil, status.Error(codes.InvalidArgument, "volume id and staging path are needed")
	}
	return &csi.NodeUnstageVolumeResponse{}, unmount(r.StagingTargetPath, false)
}

func (n *nodeService) NodePublishVolume(
	_ context.Context, r *csi.NodePublishVolumeRequest,
) (*csi.NodePublishVolumeResponse, error) {
	if r.VolumeId == "" || r.TargetPath == "" || r.StagingTargetPath == "" || r.VolumeCapability == nil {
		return nil, status.Error(codes.InvalidArgument, "volume id, paths and capability are needed")
	}
	if isMounted(r.TargetPath) {
		return &csi.NodePublishVolumeResponse{}, nil
	}
	if !isMounted(r.StagingTargetPath) {
		return nil, status.Errorf(codes.FailedPrecondition, "%s is not staged", r.VolumeId)
	}
	if err := os.MkdirAll(r.TargetPath, 0o750); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	if err := run("mount", "--bind", r.StagingTargetPath, r.TargetPath); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	if r.Readonly {
		if err := run("mount", "-o", "remount,bind,ro", r.TargetPath); err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

func (n *nodeService) NodeUnpublishVolume(
	_ context.Context, r *csi.NodeUnpublishVolumeRequest,
) (*csi.NodeUnpublishVolumeResponse, error) {
	if r.VolumeId == "" || r.TargetPath == "" {
		return nil, status.Error(codes.InvalidArgument, "volume id and target path are needed")
	}
	return &csi.NodeUnpublishVolumeResponse{}, unmount(r.TargetPath, true)
}

func unmount(path string, remove bool) error {
	if isMounted(path) {
		if err := run("umount", path); err != nil {
			return status.Error(codes.Internal, err.Error())
		}
	}
	if !remove {
		return nil
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return status.Error(codes.Internal, err.Error())
	}
	return nil
}

func (n *nodeService) NodeExpandVolume(
	_ context.Context, r *csi.NodeExpandVolumeRequest,
) (*csi.NodeExpandVolumeResponse, error) {
	if r.VolumeId == "" || r.VolumePath == "" {
		return nil, status.Error(codes.InvalidArgument, "volume id and path are needed")
	}
	if err := fill(r.VolumeId, r.VolumePath); err != nil {
		return nil, err
	}
	return &csi.NodeExpandVolumeResponse{CapacityBytes: r.CapacityRange.GetRequiredBytes()}, nil
}

func (n *nodeService) NodeGetVolumeStats(
	_ context.Context, r *csi.NodeGetVolumeStatsRequest,
) (*csi.NodeGetVolumeStatsResponse, error) {
	if r.VolumeId == "" || r.VolumePath == "" {
		return nil, status.Error(codes.InvalidArgument, "volume id and path are needed")
	}
	var stat syscall.Statfs_t
	if err := syscall.Statfs(r.VolumePath, &stat); err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	size := int64(stat.Bsize)
	return &csi.NodeGetVolumeStatsResponse{Usage: []*csi.VolumeUsage{
		{Unit: csi.VolumeUsage_BYTES, Total: int64(stat.Blocks) * size, Available: int64(stat.Bavail) * size,
			Used: int64(stat.Blocks-stat.Bfree) * size},
		{Unit: csi.VolumeUsage_INODES, Total: int64(stat.Files), Available: int64(stat.Ffree),
			Used: int64(stat.Files - stat.Ffree)},
	}}, nil
}

func (n *nodeService) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: n.name}, nil
}

func (n *nodeService) NodeGetCapabilities(
	context.Context, *csi.NodeGetCapabilitiesRequest,
) (*csi.NodeGetCapabilitiesResponse, error) {
	answer := &csi.NodeGetCapabilitiesResponse{}
	for _, one := range []csi.NodeServiceCapability_RPC_Type{
		csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME,
		csi.NodeServiceCapability_RPC_EXPAND_VOLUME,
		csi.NodeServiceCapability_RPC_GET_VOLUME_STATS,
	} {
		answer.Capabilities = append(answer.Capabilities, &csi.NodeServiceCapability{
			Type: &csi.NodeServiceCapability_Rpc{Rpc: &csi.NodeServiceCapability_RPC{Type: one}}})
	}
	return answer, nil
}
