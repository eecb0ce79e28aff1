package node

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api/devicesv1"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
)

const deviceDays = 90 // a certificate of a device is good for unless asked otherwise

// issueDeviceCertificate certifies the key of a device. The site decides that the key counts before the certificate is
// made, so a certificate that was handed out is good for a device that is there.
func (n *Node) issueDeviceCertificate(ctx context.Context, in *devicesv1.IssueDeviceCertificateRequest) (*devicesv1.DeviceCertificate, error) {
	ca := n.keys.site.Load()
	if ca == nil {
		return nil, edge.E(edge.Unavailable, "this node does not have the site's authority yet").WithHint("try again in a moment")
	}
	block, rest := pem.Decode([]byte(in.GetRequest()))
	if block == nil || block.Type != "CERTIFICATE REQUEST" || len(rest) > 0 {
		return nil, edge.E(edge.Invalid, "the certificate request is no PEM").
			WithHint("make one with: openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout device.key -subj /CN=device")
	}
	_, key, err := pki.ParseCSR(block.Bytes)
	if err != nil {
		return nil, err
	}
	known := &devicesv1.CertifyDeviceRequest{Id: in.GetId(), Key: hex.EncodeToString(key[:])}
	if _, err := proposeMessageAs[*devicesv1.Device](ctx, n, call.From(ctx).Caller.Actor, known); err != nil {
		return nil, err
	}
	life := time.Duration(cmp.Or(in.GetDays(), deviceDays)) * 24 * time.Hour
	der, err := ca.IssueDevice(block.Bytes, in.GetId(), life)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, edge.E(edge.Internal, "our own certificate cannot be read: %w", err)
	}
	return &devicesv1.DeviceCertificate{Certificate: certificatePEM(der), Authority: certificatePEM(ca.Root().Raw), Key: known.Key, Until: timestamppb.New(leaf.NotAfter)}, nil
}

func certificatePEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
