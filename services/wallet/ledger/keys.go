package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/aielon/edge/node/edge"
)

// Every row of the ledger lies under this prefix.
const prefix = "wl/"

// Kinds of rows, by the letter after the prefix.
const (
	rowMeta    = 'm' // nothing; how far the ledger is
	rowHalt    = '!' // nothing; why nothing is written any more
	rowAsset   = 'c' // code
	rowFund    = 'f' // id
	rowTotal   = 's' // asset / fund
	rowAccount = 'a' // id of the account; what changes with every transfer
	rowAbout   = 'b' // id of the account; what describes it
	rowOwner   = 'o' // owner / id of the account
	rowBlock   = 'l' // number of the block
	rowID      = 'i' // id of a transfer: what became of it
	rowHold    = 'd' // id of a hold that is or was there
	rowExpiry  = 'p' // when a hold ends, id of the hold
	rowBack    = 'r' // id of a transfer that was reversed
	rowHistory = 'h' // id of the account, number of the entry / historyStep
	rowFlow    = 'y' // asset / fund / hour: what came in and was spent
)

func key(kind byte, parts ...[]byte) []byte {
	b := append(make([]byte, 0, 48), prefix...)
	b = append(b, kind, '/')
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func idKey(kind byte, id edge.ID) []byte { return key(kind, id[:]) }

func textKey(kind byte, text string) []byte { return key(kind, []byte(text)) }

func numberKey(kind byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(key(kind), n)
}

// totalKey is where the totals of a currency and fund lie. Neither holds a slash.
func totalKey(u universe) []byte { return key(rowTotal, []byte(u.asset), []byte{'/'}, []byte(u.fund)) }

func historyKey(id edge.ID, slot uint64) []byte {
	return binary.BigEndian.AppendUint64(idKey(rowHistory, id), slot)
}

// expiryKey sorts by when a hold ends; at is in Unix seconds, 0 is never and comes last.
func expiryKey(at int64, id edge.ID) []byte {
	if at == 0 {
		at = math.MaxInt64
	}
	return append(binary.BigEndian.AppendUint64(key(rowExpiry), uint64(at)), id[:]...)
}

func ownerKey(owner string, id edge.ID) []byte {
	return key(rowOwner, []byte(owner), []byte{'/'}, id[:])
}

// named is an identifier made of texts, each with its length before it.
func named(parts []string) (id edge.ID) {
	h := sha256.New()
	h.Write([]byte("aielon-edge/wallet/id/1\x00"))
	for _, p := range parts {
		h.Write(appendText(nil, p))
	}
	copy(id[:], h.Sum(nil))
	return id
}

// A universe is within which debits equal credits: one currency of one fund.
type universe struct{ asset, fund string }
