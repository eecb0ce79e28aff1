package state

import (
	"log/slog"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// Options says how a store is opened. Dir, Name and Key are required (Dir not with InMemory).
type Options struct {
	edge.Redacted

	Dir          string
	Name         string       // "readings", "site", "hub": used in messages, in metrics and to bind backups to the store
	Key          []byte       // 32 bytes; all keys of the store are derived from it, it is never used itself
	BackupKey    []byte       // 32 bytes; backups are sealed for it; default Key
	Managed      bool         // the caller gives commit indexes (CommitAt); otherwise the store commits in groups (Submit, Commit)
	InMemory     bool         // tests and simulations only: nothing is durable
	MemTable     int64        // bytes, default 8 MiB, 1 MiB to 64 MiB; bounds memory and the size of a batch
	Reserve      int64        // bytes of ballast given up in an emergency, default 64 MiB; negative: none
	MinFree      int64        // bytes; with less free space on the disk writes are refused; default 32 MiB
	Queue        int          // writers that may wait for the group committer, default 8192
	KeepVersions uint64       // managed: how many commit indexes back stay readable, default 10 000
	Logger       *slog.Logger // default: silent

	bulk  bool // a restore: synced once, at the end
	still bool // no compactions: the disk has no room for them
}

// Limits of the defaults, in bytes.
const (
	defaultMemTable = 8 << 20
	minMemTable     = 1 << 20
	maxMemTable     = 64 << 20
	defaultReserve  = 64 << 20
	defaultMinFree  = 32 << 20
	defaultQueue    = 8192
	defaultKeep     = 10_000
	vlogFile        = 2 << 20 // the value log stays empty: every value is small enough for the tree
)

// keyRotation: never. Badger's encryption only hides; what must be kept secret is sealed by the envelope.
const keyRotation = 100 * 365 * 24 * time.Hour

// MaxKey is the longest key, in bytes. Badger keeps key lengths in 16 bits and needs room for its own.
const MaxKey = 60_000

// withDefaults fills in what was left out and refuses, with Invalid, what cannot work.
func (o Options) withDefaults() (Options, error) {
	if o.MemTable == 0 {
		o.MemTable = defaultMemTable
	}
	if o.Reserve == 0 {
		o.Reserve = defaultReserve
	}
	o.Reserve = max(o.Reserve, 0)
	if o.MinFree == 0 {
		o.MinFree = defaultMinFree
	}
	if o.Queue == 0 {
		o.Queue = defaultQueue
	}
	if o.KeepVersions == 0 {
		o.KeepVersions = defaultKeep
	}
	if o.BackupKey == nil {
		o.BackupKey = o.Key
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.Name == "" || len(o.Name) > 64:
		return o, edge.E(edge.Invalid, "a store needs a name of 1 to 64 bytes")
	case len(o.Key) != 32:
		return o, edge.E(edge.Invalid, "the store %q needs a key of 32 bytes, this one has %d", o.Name, len(o.Key))
	case len(o.BackupKey) != 32:
		return o, edge.E(edge.Invalid, "the store %q needs a backup key of 32 bytes, this one has %d", o.Name, len(o.BackupKey))
	case o.Dir == "" && !o.InMemory:
		return o, edge.E(edge.Invalid, "the store %q needs a directory", o.Name)
	case o.MemTable < minMemTable || o.MemTable > maxMemTable:
		return o, edge.E(edge.Invalid, "the store %q: memtable of %d bytes; 1 MiB to 64 MiB are possible", o.Name, o.MemTable)
	case o.MinFree < 0 || o.Queue < 1:
		return o, edge.E(edge.Invalid, "the store %q: free space and queue must not be negative", o.Name)
	}
	o.Logger = o.Logger.With("store", o.Name)
	return o, nil
}

// badger is how Badger is opened. Every setting that is not its default has its reason here.
func (o Options) badger(key []byte) badger.Options {
	b := badger.DefaultOptions(o.Dir).
		WithLogger(badgerLog{o.Logger}).
		WithMetricsEnabled(false).                           // expvar is global state
		WithSyncWrites(false).                               // an unmanaged store syncs its log itself; Badger would sync the empty value log too
		WithDetectConflicts(false).                          // there is one writer
		WithNumVersionsToKeep(1).                            // versions above the discard timestamp are kept anyhow
		WithMemTableSize(o.MemTable).                        // memory, and the window in which a full disk is deadly
		WithNumMemtables(2).                                 //
		WithBaseTableSize(2 << 20).                          //
		WithNumLevelZeroTables(8).                           // a compaction needs as much free space as its input: not more
		WithNumLevelZeroTablesStall(16).                     //
		WithBaseLevelSize(8 * o.MemTable).                   // as large as level 0: half of a merge is new; Badger's 10 MiB makes a level more
		WithNumCompactors(2).                                // the least Badger accepts
		WithNumGoroutines(1).                                //
		WithValueThreshold(o.valueThreshold()).              // no value ever reaches the value log
		WithValueLogFileSize(vlogFile).                      //
		WithValueLogMaxEntries(1 << 16).                     //
		WithCompression(options.None).                       // sealed values do not compress; the envelope compresses before it seals
		WithChecksumVerificationMode(options.NoVerification) // Badger's checking hides; ours tells
	if o.InMemory {
		// No ticking compactors and caches: a simulation of days would do nothing else.
		return b.WithDir("").WithValueDir("").WithInMemory(true).WithSyncWrites(false).
			WithNumCompactors(0).WithNumLevelZeroTablesStall(1 << 20).WithBlockCacheSize(0)
	}
	if o.still {
		b = b.WithNumCompactors(0).WithNumLevelZeroTablesStall(1 << 20)
	}
	return b.WithBlockCacheSize(4 << 20).WithIndexCacheSize(4 << 20).
		WithEncryptionKey(key).
		WithEncryptionKeyRotationDuration(keyRotation)
}

// maxBatch is how many bytes (as Batch.Size counts them) fit into one transaction: Badger allows 15 % of a
// memtable, less what the commit itself adds.
func (o Options) maxBatch() int { return int(o.MemTable*15/100) - 4096 }

// valueThreshold is 1 MiB, or less with a small memtable: Badger wants it to fit a transaction.
func (o Options) valueThreshold() int64 { return min(1<<20, o.MemTable*15/100) }

// maxValue is the longest value in bytes, before it is sealed.
func (o Options) maxValue() int {
	return min(int(o.valueThreshold())-sealOverhead-1, o.maxBatch()-MaxKey-opOverhead-sealOverhead)
}
