package node

import (
	"cmp"
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"time"

	"github.com/pelletier/go-toml/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
)

// localMethods is what this node itself answers.
func (n *Node) localMethods() *gateway.Locals {
	l := gateway.NewLocals()
	gateway.Local(l, n.getStatus)
	gateway.LocalStream(l, n.watchStatus)
	gateway.Local(l, n.getLedger)
	gateway.LocalStream(l, n.watchLedger)
	gateway.Local(l, n.getWelcome)
	gateway.Local(l, n.getConfiguration)
	gateway.Local(l, n.getAbout)
	gateway.LocalStream(l, n.getBillOfMaterials)
	gateway.Local(l, n.holdLink)
	gateway.Local(l, n.getLinkSettings)
	gateway.Local(l, n.setLinkSettings)
	gateway.Local(l, n.joinHub)
	gateway.Local(l, n.createJoinCode)
	gateway.Local(l, n.listMembers)
	gateway.Local(l, n.removeMember)
	gateway.Local(l, n.listSites)
	gateway.Local(l, n.listClearing)
	gateway.LocalStream(l, n.createBackup)
	gateway.Local(l, n.listBackups)
	gateway.LocalStream(l, n.downloadBackup)
	gateway.Local(l, n.removeBackup)
	gateway.Local(l, n.issueDeviceCertificate)
	NewReadings(n.journals).Register(l)
	peopleMethods(l, n.front.people)
	oauthMethods(l, n.front.oauth)
	n.policyMethods(l)
	n.auditMethods(l)
	n.moneyMethods(l)
	gateway.Local(l, n.startPayment)
	gateway.Local(l, n.searchFor)
	gateway.Local(l, n.suggest)
	n.hooks.methods(l)
	gateway.Local(l, n.getMe)
	return l
}

func (n *Node) getWelcome(context.Context, *nodev1.GetWelcomeRequest) (*nodev1.Welcome, error) {
	needed, err := n.setupNeeded()
	return &nodev1.Welcome{Site: n.keys.trust.Site(), SiteName: n.siteName(), Role: n.cfg.Role, Version: n.version, SetupNeeded: needed, PasskeyName: n.passkeyName()}, err
}

// getConfiguration shows the file in force. Secrets do not stand in it, only the names of the files they are in.
func (n *Node) getConfiguration(context.Context, *nodev1.GetConfigurationRequest) (*nodev1.Configuration, error) {
	cfg := n.cfg
	cfg.Uplink = n.uplinkConfig()
	b, err := toml.Marshal(cfg)
	if err != nil {
		return nil, edge.E(edge.Internal, "the configuration cannot be written down: %w", err)
	}
	return &nodev1.Configuration{Toml: string(b)}, nil
}

// holdLink keeps everything here for as long as somebody wants it so, across restarts too.
func (n *Node) holdLink(_ context.Context, in *nodev1.HoldLinkRequest) (*nodev1.Link, error) {
	if err := n.link.update(func(l *link) { l.Held = in.GetHeld() }); err != nil {
		return nil, err
	}
	n.up.restart()
	return n.linkMessage(n.linkStatus()), nil
}

func (n *Node) joinHub(ctx context.Context, in *nodev1.JoinHubRequest) (*nodev1.JoinHubResponse, error) {
	if _, err := n.join(ctx, JoinRequest{Addr: in.GetAddress(), Code: in.GetCode()}); err != nil {
		return nil, err
	}
	out := &nodev1.JoinHubResponse{Hub: in.GetAddress(), Region: n.keys.trust.Region()}
	if hubs := n.link.get().Hubs; len(hubs) > 0 {
		out.Hub = hubs[0]
	}
	return out, nil
}

func (n *Node) createJoinCode(ctx context.Context, in *nodev1.CreateJoinCodeRequest) (*nodev1.JoinCode, error) {
	inv, err := n.invite(ctx, InviteRequest{Role: in.GetRole(), Site: in.GetSite()})
	if err != nil {
		return nil, err
	}
	return &nodev1.JoinCode{Code: inv.Code, Address: inv.Addr, Expires: timestamppb.New(inv.Expires), Command: "aielon-edge join " + inv.Addr + " " + inv.Code}, nil
}

func (n *Node) listMembers(context.Context, *nodev1.ListMembersRequest) (*nodev1.ListMembersResponse, error) {
	return &nodev1.ListMembersResponse{Members: n.memberMessages()}, nil
}

func (n *Node) removeMember(ctx context.Context, in *nodev1.RemoveMemberRequest) (*nodev1.RemoveMemberResponse, error) {
	id, err := edge.ParseNodeID(in.GetNode())
	if err != nil {
		return nil, err
	}
	return &nodev1.RemoveMemberResponse{}, n.revoke(ctx, id)
}

const sitesPage = 100 // sites of one page where the caller does not say

// listSites shows what a hub gathers, site by site.
func (n *Node) listSites(ctx context.Context, in *nodev1.ListSitesRequest) (*nodev1.ListSitesResponse, error) {
	if n.hub == nil {
		return nil, edge.E(edge.Invalid, "this node is no hub and gathers from nobody")
	}
	sites := n.hub.sites(ctx)
	out := &nodev1.ListSitesResponse{Total: int32(len(sites))}
	after, err := base64.RawURLEncoding.DecodeString(in.GetPageToken())
	if err != nil {
		return nil, edge.E(edge.Invalid, "the page token is not one this node gave")
	}
	from, _ := slices.BinarySearchFunc(sites, string(after)+"\x00", func(s *nodev1.Site, t string) int { return cmp.Compare(s.Site, t) })
	if len(after) == 0 {
		from = 0
	}
	to := min(from+cmp.Or(int(in.GetPageSize()), sitesPage), len(sites))
	if out.Sites = sites[from:to]; to < len(sites) {
		out.NextPageToken = base64.RawURLEncoding.EncodeToString([]byte(sites[to-1].Site))
	}
	return out, nil
}

// sites is what the hub has of each site, by name.
func (p *hubPart) sites(ctx context.Context) []*nodev1.Site {
	by := map[string]*nodev1.Site{}
	site := func(name string) *nodev1.Site {
		if by[name] == nil {
			by[name] = &nodev1.Site{Site: name}
		}
		return by[name]
	}
	for _, s := range p.status(ctx).Streams {
		row := &nodev1.Stream{Origin: s.Origin, Name: s.Name, Received: s.Received, Skipped: s.Skipped, Trimmed: s.Trimmed, Frozen: s.Frozen}
		if s.Last != nil {
			row.Last = timestamppb.New(*s.Last)
		}
		x := site(s.Site)
		x.Streams, x.Received, x.Skipped = append(x.Streams, row), x.Received+s.Received, x.Skipped+s.Skipped
		x.Lost += s.Missing
	}
	told := map[*nodev1.Site][]toldBacklog{}
	for _, i := range p.nodes(ctx) {
		x := site(i.Site)
		x.Online = x.Online || i.State == "online"
		if seen := timestamppb.New(i.Seen); !i.Seen.IsZero() && (x.Last == nil || i.Seen.After(x.Last.AsTime())) {
			x.Last = seen
		}
		b, said := p.h.Backlog(i.ID)
		told[x] = append(told[x], toldBacklog{b, said, i.State == "revoked"})
	}
	own := site(p.n.keys.trust.Site())
	told[own] = append(told[own], toldBacklog{Backlog: p.ownBacklog(), said: true})
	for x, list := range told {
		addBacklogs(x, list)
	}
	return slices.SortedFunc(maps.Values(by), func(a, b *nodev1.Site) int { return cmp.Compare(a.Site, b.Site) })
}

// siteTime is the time in the site's own zone.
func (n *Node) siteTime() time.Time { return n.keys.trust.Now().Local() }
