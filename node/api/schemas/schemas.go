// Package schemas lists the services a node serves to people and programs, in one place: doors, their documents and
// the tests that go over every method take them from here.
package schemas

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aielon/edge/node/api/auditv1"
	"github.com/aielon/edge/node/api/devicesv1"
	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/node/api/oauthv1"
	"github.com/aielon/edge/node/api/policyv1"
	"github.com/aielon/edge/node/api/searchv1"
	"github.com/aielon/edge/node/api/webhooksv1"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// All lists them in the order in which they are documented.
func All() []protoreflect.FileDescriptor {
	return []protoreflect.FileDescriptor{nodev1.File_node_api_nodev1_node_proto, devicesv1.File_node_api_devicesv1_devices_proto, identityv1.File_node_api_identityv1_identity_proto,
		policyv1.File_node_api_policyv1_policy_proto, auditv1.File_node_api_auditv1_audit_proto, searchv1.File_node_api_searchv1_search_proto,
		webhooksv1.File_node_api_webhooksv1_webhooks_proto, oauthv1.File_node_api_oauthv1_oauth_proto,
		walletv1.File_services_wallet_walletv1_ledger_proto,
		walletv1.File_services_wallet_walletv1_giving_proto,
		walletv1.File_services_wallet_walletv1_compliance_proto,
		walletv1.File_services_wallet_walletv1_statements_proto,
		walletv1.File_services_wallet_walletv1_zakat_proto,
		walletv1.File_services_wallet_walletv1_across_proto,
		walletv1.File_services_wallet_walletv1_payments_proto,
		walletv1.File_services_wallet_walletv1_reconciliation_proto,
		walletv1.File_services_wallet_walletv1_contracts_proto,
		walletv1.File_services_wallet_walletv1_invoices_proto,
	}
}
