package node

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

// keys is everything by which this node proves itself and seals what it keeps. It lies in <data>/keys,
// readable by the node's own user only:
//
//	storage.key     32 random bytes, in hexadecimal; every key of the stores is derived from it
//	node.key, *.crt the node's identity (package pki)
//	trust.json      roots, revocations and the latest moment known to have passed
//	site-ca         the site's authority, sealed; also kept in the site's state, so that every node has it
//	region-ca       a hub's authority over its region, sealed
//	link.json       what joining told: the hubs, the other nodes, the gossip secret
type keys struct {
	dir     string
	storage []byte
	id      *pki.Identity
	trust   *pki.Trust
	end     *pki.Endpoint

	site   atomic.Pointer[pki.Authority] // nil where this node cannot use the site's authority yet
	region atomic.Pointer[pki.Authority] // hubs only
}

// openKeys opens the keys in dir and makes them where there are none. build is when the program was made.
func openKeys(cfg Config, known func(edge.NodeID) bool) (*keys, error) {
	k := &keys{dir: filepath.Join(cfg.DataDir, "keys")}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return nil, edge.E(edge.Invalid, "the data directory cannot be made: %w", err).WithHint("run as a user who may write to %s, or choose another data_dir", cfg.DataDir)
	}
	var err error
	if k.storage, err = storageKey(cfg); err != nil {
		return nil, err
	}
	if k.id, err = pki.LoadOrCreate(k.dir); err != nil {
		return nil, err
	}
	if k.trust, err = k.openTrust(cfg); err != nil {
		return nil, err
	}
	k.end = pki.NewEndpoint(k.id, k.trust, known)
	if err := k.openAuthorities(cfg); err != nil {
		return nil, err
	}
	return k, k.certify()
}

// storageKey reads the key handed in by the service manager, named by the configuration or kept beside
// the identity; only the last is made where it is missing.
func storageKey(cfg Config) ([]byte, error) {
	path, ours := cfg.Storage.KeyFile, false
	if path == "" {
		path = credential()
	}
	if path == "" {
		path, ours = filepath.Join(cfg.DataDir, "keys", "storage.key"), true
	}
	b, err := pki.ReadPrivate(path)
	if edge.IsKind(err, edge.NotFound) && ours {
		if hasStores(cfg.DataDir) {
			return nil, edge.E(edge.Corrupt, "there is data in %s but its storage key is gone", cfg.DataDir).WithHint("put the copy of the key back to %s", path)
		}
		key := make([]byte, 32)
		rand.Read(key)
		return key, pki.WritePrivate(path, []byte(hex.EncodeToString(key)+"\n"))
	}
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(key) != 32 {
		return nil, edge.E(edge.Invalid, "%s is not a storage key: 64 hexadecimal digits are expected", path)
	}
	return key, nil
}

// credential is where systemd put the storage key (systemd.exec(5), LoadCredential), empty where it did not.
func credential() string {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if p := filepath.Join(dir, "storage.key"); dir != "" && exists(p) {
		return p
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func hasStores(dir string) bool {
	return exists(filepath.Join(dir, "readings")) || exists(filepath.Join(dir, "site"))
}

// derive makes a key of its own for each purpose.
func (k *keys) derive(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, k.storage, nil, "aielon-edge/"+purpose, 32)
	if err != nil {
		panic("node: 32 bytes can always be derived: " + err.Error())
	}
	return key
}

func (k *keys) openTrust(cfg Config) (*pki.Trust, error) {
	path := filepath.Join(k.dir, "trust.json")
	st := pki.TrustState{Site: cfg.Site, Region: pki.LocalRegion}
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &st)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, edge.E(edge.Corrupt, "%s cannot be read: %w", path, err).WithHint("restore it from a backup, or join again")
	}
	return pki.OpenTrust(st, pki.TrustOptions{Build: buildTime(), Save: func(st pki.TrustState) error {
		b, err := json.MarshalIndent(st, "", "\t")
		if err != nil {
			return edge.E(edge.Internal, "trust cannot be written: %w", err)
		}
		return pki.WritePrivate(path, b)
	}})
}

// buildTime is when the program's sources were committed: no certificate is judged by an earlier time.
func buildTime() time.Time {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
					return t
				}
			}
		}
	}
	return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
}

// openAuthorities opens the authorities this node holds. A node that stands alone makes its site's; a
// node that joined a site gets it through the site's state later.
func (k *keys) openAuthorities(cfg Config) error {
	site, err := k.openAuthority("site-ca", func() (*pki.Authority, error) {
		if len(k.trust.Roots(pki.RootSite)) > 0 {
			return nil, nil
		}
		return pki.NewAuthority(pki.ScopeSite, k.trust.Site(), k.trust.Now)
	}, pki.RootSite)
	if err != nil {
		return err
	}
	k.site.Store(site)
	if cfg.Role != "hub" {
		return nil
	}
	region, err := k.openAuthority("region-ca", func() (*pki.Authority, error) {
		return pki.NewAuthority(pki.ScopeRegion, cfg.Region, k.trust.Now)
	}, pki.RootRegion)
	k.region.Store(region)
	return err
}

func (k *keys) openAuthority(file string, make func() (*pki.Authority, error), kind pki.RootKind) (*pki.Authority, error) {
	path := filepath.Join(k.dir, file)
	a, err := pki.LoadAuthority(path, k.derive("authority"), k.trust.Now)
	if edge.IsKind(err, edge.NotFound) {
		if a, err = make(); err != nil || a == nil {
			return a, err
		}
		err = a.Save(path, k.derive("authority"))
	}
	if err != nil {
		return nil, err
	}
	for _, c := range k.trust.Roots(kind) {
		if pki.KeyID(c) == a.ID() {
			return a, nil
		}
	}
	return a, k.trust.AddRoot(kind, a.Root())
}

// keepSite puts the site's authority, learnt from the site's state or changed by joining, in force here.
func (k *keys) keepSite(a *pki.Authority) error {
	if err := a.Save(filepath.Join(k.dir, "site-ca"), k.derive("authority")); err != nil {
		return err
	}
	k.site.Store(a)
	return nil
}

// certify issues the certificates the node can give itself, so that it can start with nobody's help.
func (k *keys) certify() error {
	if site := k.site.Load(); site != nil && k.id.Chain(pki.UseSite) == nil {
		if err := k.issue(pki.UseSite, site, pki.Name{Site: k.trust.Site(), Region: k.trust.Region(), ID: k.id.ID()}); err != nil {
			return err
		}
	}
	if region := k.region.Load(); region != nil && k.id.Chain(pki.UseHub) == nil {
		return k.issue(pki.UseHub, region, pki.Name{Site: k.trust.Site(), Region: region.Label(), Role: pki.RoleHub, ID: k.id.ID()})
	}
	return nil
}

func (k *keys) issue(u pki.Use, ca *pki.Authority, n pki.Name) error {
	csr, err := k.id.CSR()
	if err != nil {
		return err
	}
	chain, err := ca.IssueLeaf(csr, n, 0)
	if err != nil {
		return err
	}
	return k.id.Install(u, chain)
}

// A link is what joining told a node about others.
type link struct {
	edge.Redacted

	Hubs    []string      `json:"hubs,omitempty"`    // addresses of the hub's sync port
	Renew   []string      `json:"renew,omitempty"`   // addresses of the hub's join port, where certificates are renewed
	Peers   []string      `json:"peers,omitempty"`   // cluster addresses of the site's other nodes
	Members []edge.NodeID `json:"members,omitempty"` // the nodes of the joined site, as last known; see roll.Member
	Joined  bool          `json:"joined,omitempty"`  // this node joined a site that was there: it does not begin one of its own
	Secret  []byte        `json:"secret,omitempty"`  // the site's gossip secret
	Moves   int           `json:"moves,omitempty"`   // how often this node became one of another site
	Held    bool          `json:"held,omitempty"`    // somebody wants nothing to go to the hub for now
}

// trees is the name under which the trees over the site's journal are kept. A node that becomes one of another site
// begins new ones; those of the site it was before stay where they are, as its state does.
func (l link) trees() string {
	stream := site.Stream(edge.Ledger)
	if l.Moves == 0 {
		return stream
	}
	return stream + "~" + strconv.Itoa(l.Moves)
}

// mayBeHeard reports whether a node that has no list of its site's nodes yet may hear id.
func (l link) mayBeHeard(id edge.NodeID) bool {
	return l.Joined && (len(l.Members) == 0 || slices.Contains(l.Members, id))
}

func (k *keys) loadLink() (l link, err error) {
	b, err := pki.ReadPrivate(filepath.Join(k.dir, "link.json"))
	if edge.IsKind(err, edge.NotFound) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(b, &l); err != nil {
		return l, edge.E(edge.Corrupt, "keys/link.json cannot be read: %w", err).WithHint("join again")
	}
	return l, nil
}

func (k *keys) saveLink(l link) error {
	b, err := json.MarshalIndent(l, "", "\t")
	if err != nil {
		return edge.E(edge.Internal, "keys/link.json cannot be written: %w", err)
	}
	return pki.WritePrivate(filepath.Join(k.dir, "link.json"), b)
}
