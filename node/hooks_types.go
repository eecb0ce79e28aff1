package node

import (
	"github.com/aielon/edge/hardware/registry"
	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/api/webhooksv1"
	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/auth/identity"
	"github.com/aielon/edge/node/policy"
	"github.com/aielon/edge/node/webhook"
	"github.com/aielon/edge/services/wallet/across"
	"github.com/aielon/edge/services/wallet/alms"
	"github.com/aielon/edge/services/wallet/compliance"
	"github.com/aielon/edge/services/wallet/deals"
	"github.com/aielon/edge/services/wallet/giving"
	"github.com/aielon/edge/services/wallet/invoices"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/payments"
	"github.com/aielon/edge/services/wallet/reconcile"
)

// eventTypes lists what a site's journals tell of. Types are never taken away or given another meaning: receivers
// elsewhere rely on them.
func eventTypes() (list []*webhooksv1.EventType) {
	add := func(class api.Class, rows ...[2]string) {
		for _, r := range rows {
			list = append(list, &webhooksv1.EventType{Type: r[0], Description: r[1], Class: class})
		}
	}
	add(api.Class_CLASS_SITE_ONLY,
		[2]string{registry.Registered, "A device was registered."},
		[2]string{registry.Changed, "A device was changed, or what proves it."},
		[2]string{registry.Removed, "A device was removed."},
		[2]string{"site.member-joined", "A node joined the site."},
		[2]string{"site.node-revoked", "A node was removed from the site."},
		[2]string{"site.authority-changed", "The site's authority was succeeded by a new one."},
		[2]string{"site.began-anew", "The site began anew out of a backup."},
		[2]string{"region.site-joined", "A site joined the region of this hub."},
		[2]string{policy.Changed, "A policy of the site was changed."},
		[2]string{policy.Configured, "The settings of the policies were changed."},
		[2]string{webhook.TypeAdded, "A webhook was made."},
		[2]string{webhook.TypeChanged, "A webhook was changed."},
		[2]string{webhook.TypeRemoved, "A webhook was removed."},
		[2]string{webhook.TypeRotated, "A webhook has a new secret."},
		[2]string{webhook.TypeEnabled, "A webhook was enabled again."},
		[2]string{webhook.TypeDisabled, "A webhook was disabled."},
		[2]string{compliance.EventRules, "Rules were proposed, approved or rejected."},
		[2]string{alms.EventPrice, "The price of gold and silver was set."},
		[2]string{giving.EventCampaign, "A campaign was opened or changed."},
		[2]string{giving.EventDeed, "The deed of an endowment was written down."},
		[2]string{giving.EventSettled, "Cash was carried from one fund to another."})
	add(api.Class_CLASS_SITE_ONLY,
		[2]string{ledger.EventFund, "A fund was opened or changed."},
		[2]string{reconcile.EventStatement, "A statement of a bank was imported."},
		[2]string{ledger.EventHalted, "The ledger takes nothing in any more: a check of it failed."})
	add(api.Class_CLASS_PERSONAL,
		[2]string{ledger.EventPosted, "Money moved, was held or released, or was refused: all that one command did."},
		[2]string{payments.EventPayment, "A payment from outside has come further."},
		[2]string{reconcile.EventEntry, "Somebody said what an entry of a bank stands for."},
		[2]string{ledger.EventAccount, "An account was opened, changed, frozen, unfrozen or closed."})
	add(api.Class_CLASS_PERSONAL,
		[2]string{identity.PersonAdded, "Somebody was added."},
		[2]string{identity.PersonChanged, "What is known of somebody was changed."},
		[2]string{identity.PersonRemoved, "Somebody was removed."},
		[2]string{identity.PersonSuspended, "Somebody may not sign in for now."},
		[2]string{identity.PersonReinstated, "Somebody may sign in again."},
		[2]string{identity.RolesChanged, "Somebody has other roles."},
		[2]string{identity.ProofsChanged, "What somebody signs in with was changed."},
		[2]string{identity.ProofReused, "A one-time proof was used twice, at nodes that could not ask each other."},
		[2]string{identity.SignedInEvent, "Somebody signed in."},
		[2]string{identity.SessionRevoked, "A session was ended."},
		[2]string{identity.SessionsRevoked, "All sessions of somebody were ended."},
		[2]string{identity.InvitationMade, "Somebody was invited."},
		[2]string{identity.InvitationUsed, "An invitation was accepted."},
		[2]string{identity.InvitationRevoked, "An invitation was taken back."},
		[2]string{identity.TokenMade, "A token for a program was made."},
		[2]string{identity.TokenRevoked, "A token for a program was taken back."},
		[2]string{policy.Opened, "Somebody opened a record in an emergency."},
		[2]string{policy.Ended, "Emergency access ended."},
		[2]string{policy.Consented, "What a person agrees to was written down."},
		[2]string{alms.EventDue, "A lunar year of somebody's wealth is complete."},
		[2]string{alms.EventPaid, "Zakat, zakat al-fitr or fidya was paid."},
		[2]string{alms.EventCase, "An application for zakat came a step further."},
		[2]string{deals.EventContract, "A loan or a sale came a step further."},
		[2]string{giving.EventGiven, "Somebody gave to a fund."},
		[2]string{invoices.EventIssued, "An invoice was issued."},
		[2]string{invoices.EventPaying, "An invoice is being paid: somebody has to decide on the payment."},
		[2]string{invoices.EventPaid, "An invoice was paid."},
		[2]string{invoices.EventReopened, "The payment of an invoice was declined: it is open again."},
		[2]string{invoices.EventCancelled, "An invoice was taken back."},
		[2]string{compliance.EventDecided, "The rules denied something or put it on hold."},
		[2]string{compliance.EventReviewed, "A review was opened or decided."},
		[2]string{compliance.EventReleased, "Money was to change its fund, or did."},
		[2]string{across.EventSent, "Money was sent to another site."},
		[2]string{across.EventReceived, "Money came from another site."},
		[2]string{across.EventDeclined, "Money of another site was declined."},
		[2]string{across.EventSettled, "Money that was sent to another site arrived, or was declined."},
		[2]string{across.EventGranted, "Money was set aside for another site."},
		[2]string{across.EventSpent, "Money of another site was spent here."},
		[2]string{across.EventClosing, "Another site was asked to close an allotment."},
		[2]string{across.EventClosed, "An allotment of another site was closed."},
		[2]string{across.EventTrouble, "What another site says contradicts what it said before."},
		[2]string{audit.TypeChange, "Something was changed: its audit record."})
	return list
}
