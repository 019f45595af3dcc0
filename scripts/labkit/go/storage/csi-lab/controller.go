package main

import (
	"context"
	"errors"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	defaultSize = 1 << 30
	smallest    = 300 << 20 // mkfs.xfs makes no smaller one
)

type controller struct {
	csi.UnimplementedControllerServer
	pool *pool
}

func (c *controller) CreateVolume(_ context.Context, r *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	if r.Name == "" || len(r.VolumeCapabilities) == 0 {
		return nil, status.Error(codes.InvalidArgument, "name and volume capabilities are needed")
	}
	if reason := unsupported(r.VolumeCapabilities); reason != "" {
		return nil, status.Error(codes.InvalidArgument, reason)
	}
	size, err := sizeOf(r.CapacityRange)
	if err != nil {
		return nil, err
	}
	source, sourceSize, err := c.source(r.VolumeContentSource)
	if err != nil {
		return nil, err
	}
	if size < sourceSize {
		return nil, status.Errorf(codes.OutOfRange, "%d bytes asked for, the source has %d", size, sourceSize)
	}
	id := identify("vol", r.Name)
	found, err := c.pool.find(id)
	switch {
	case err == nil && (found.Size < size || found.Source != source):
		return nil, status.Errorf(codes.AlreadyExists, "volume %s exists with another size or source", r.Name)
	case err == nil:
		size = found.Size
	case errors.Is(err, errNotFound):
		if err := c.pool.create(id, record{r.Name, size, source, time.Now()}); err != nil {
			return nil, status.Error(codes.ResourceExhausted, err.Error())
		}
	default:
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: id, CapacityBytes: size, ContentSource: r.VolumeContentSource}}, nil
}

func (c *controller) source(wanted *csi.VolumeContentSource) (id string, size int64, err error) {
	if wanted == nil {
		return "", 0, nil
	}
	id = wanted.GetSnapshot().GetSnapshotId() + wanted.GetVolume().GetVolumeId()
	found, err := c.pool.find(id)
	if err != nil {
		return "", 0, status.Errorf(codes.NotFound, "source %q: %v", id, err)
	}
	return id, found.Size, nil
}

func sizeOf(wanted *csi.CapacityRange) (int64, error) {
	size := max(wanted.GetRequiredBytes(), smallest)
	if wanted.GetRequiredBytes() == 0 {
		size = defaultSize
	}
	if limit := wanted.GetLimitBytes(); limit > 0 && size > limit {
		return 0, status.Errorf(codes.OutOfRange, "at least %d bytes, at most %d cannot be", size, limit)
	}
	return (size + 4095) / 4096 * 4096, nil
}

func unsupported(wanted []*csi.VolumeCapability) string {
	for _, one := range wanted {
		if one.GetBlock() != nil {
			return "block volumes are not supported"
		}
		switch one.GetAccessMode().GetMode() {
		case csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER,
			csi.VolumeCapability_AccessMode_MULTI_NODE_SINGLE_WRITER,
			csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY:
			return "a volume can be mounted on one node only: use ReadWriteOnce"
		}
	}
	return ""
}

func (c *controller) DeleteVolume(_ context.Context, r *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	if r.VolumeId == "" {
		return nil, status.Error(codes.InvalidArgument, "volume id is needed")
	}
	if device := attachedAs(r.VolumeId); device != "" {
		return nil, status.Errorf(codes.FailedPrecondition, "volume is still mounted (%s)", device)
	}
	return &csi.DeleteVolumeResponse{}, c.pool.remove(r.VolumeId)
}

func (c *controller) ValidateVolumeCapabilities(
	_ context.Context, r *csi.ValidateVolumeCapabilitiesRequest,
) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	if r.VolumeId == "" || len(r.VolumeCapabilities) == 0 {
		return nil, status.Error(codes.InvalidArgument, "volume id and capabilities are needed")
	}
	if _, err := c.pool.find(r.VolumeId); err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	if reason := unsupported(r.VolumeCapabilities); reason != "" {
		return &csi.ValidateVolumeCapabilitiesResponse{Message: reason}, nil
	}
	confirmed := &csi.ValidateVolumeCapabilitiesResponse_Confirmed{VolumeCapabilities: r.VolumeCapabilities}
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: confirmed}, nil
}

func (c *controller) CreateSnapshot(
	_ context.Context, r *csi.CreateSnapshotRequest,
) (*csi.CreateSnapshotResponse, error) {
	if r.Name == "" || r.SourceVolumeId == "" {
		return nil, status.Error(codes.InvalidArgument, "name and source volume are needed")
	}
	volume, err := c.pool.find(r.SourceVolumeId)
	if err != nil {
		return nil, status.Errorf(codes.NotFound, "volume %s: %v", r.SourceVolumeId, err)
	}
	id := identify("snap", r.Name)
	found, err := c.pool.find(id)
	switch {
	case err == nil && found.Source != r.SourceVolumeId:
		return nil, status.Errorf(codes.AlreadyExists, "snapshot %s is of another volume", r.Name)
	case errors.Is(err, errNotFound):
		found = record{r.Name, volume.Size, r.SourceVolumeId, time.Now()}
		if err := c.pool.create(id, found); err != nil {
			return nil, status.Error(codes.ResourceExhausted, err.Error())
		}
	case err != nil:
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.CreateSnapshotResponse{Snapshot: snapshot(id, found)}, nil
}

func snapshot(id string, found record) *csi.Snapshot {
	return &csi.Snapshot{
		SnapshotId: id, SourceVolumeId: found.Source, SizeBytes: found.Size,
		CreationTime: timestamppb.New(found.Created), ReadyToUse: true,
	}
}

func (c *controller) DeleteSnapshot(
	_ context.Context, r *csi.DeleteSnapshotRequest,
) (*csi.DeleteSnapshotResponse, error) {
	if r.SnapshotId == "" {
		return nil, status.Error(codes.InvalidArgument, "snapshot id is needed")
	}
	return &csi.DeleteSnapshotResponse{}, c.pool.remove(r.SnapshotId)
}

func (c *controller) ListSnapshots(
	_ context.Context, r *csi.ListSnapshotsRequest,
) (*csi.ListSnapshotsResponse, error) {
	found, err := c.pool.list("snap")
	answer := &csi.ListSnapshotsResponse{}
	for id, one := range found {
		if (r.SnapshotId == "" || r.SnapshotId == id) && (r.SourceVolumeId == "" || r.SourceVolumeId == one.Source) {
			answer.Entries = append(answer.Entries, &csi.ListSnapshotsResponse_Entry{Snapshot: snapshot(id, one)})
		}
	}
	return answer, err
}

func (c *controller) ControllerExpandVolume(
	_ context.Context, r *csi.ControllerExpandVolumeRequest,
) (*csi.ControllerExpandVolumeResponse, error) {
	found, err := c.pool.find(r.VolumeId)
	if err != nil {
		return nil, status.Errorf(codes.NotFound, "volume %s: %v", r.VolumeId, err)
	}
	size, err := sizeOf(r.CapacityRange)
	if err != nil {
		return nil, err
	}
	if size > found.Size {
		if err := grow(c.pool.image(r.VolumeId), size); err != nil {
			return nil, status.Error(codes.ResourceExhausted, err.Error())
		}
		found.Size = size
		if err := c.pool.remember(r.VolumeId, found); err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
	}
	return &csi.ControllerExpandVolumeResponse{CapacityBytes: found.Size, NodeExpansionRequired: true}, nil
}

func (c *controller) ControllerGetCapabilities(
	context.Context, *csi.ControllerGetCapabilitiesRequest,
) (*csi.ControllerGetCapabilitiesResponse, error) {
	answer := &csi.ControllerGetCapabilitiesResponse{}
	for _, one := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_LIST_SNAPSHOTS,
		csi.ControllerServiceCapability_RPC_CLONE_VOLUME,
		csi.ControllerServiceCapability_RPC_EXPAND_VOLUME,
	} {
		answer.Capabilities = append(answer.Capabilities, &csi.ControllerServiceCapability{
			Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: one}}})
	}
	return answer, nil
}
