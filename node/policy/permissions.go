package policy

import "github.com/aielon/edge/node/edge"

func nodePermissions() []Permission {
	const site = edge.SiteOnly
	return []Permission{
		read("node.hello", edge.Public, "see that the node is there and how to log in").open().anchor(),
		read("node.read", site, "see how the nodes of the site are"),
		write("node.manage", site, "node.read", "restart, seal and update nodes"),
		write("node.backup", site, "node.read", "make and fetch backups").dangerous(),
		write("members.manage", site, "node.read", "add nodes to the site and remove them").dangerous(),
		write("join.invite", site, "node.read", "make codes by which nodes and sites join").dangerous(),
		write("join.spend", site, "node.read", "take in a node that shows a code"),
		read("profile.debug", site, "see inside a running node").dangerous(),
		read("devices.read", site, "see which devices there are"),
		write("devices.manage", site, "devices.read", "register, change and remove devices"),
		write("devices.enrol", site, "devices.read", "let a device register itself"),
		read("readings.read", site, "see readings of devices"),
		write("readings.publish", site, "readings.read", "send readings").quiet(),
		read("quarantine.read", site, "see readings that were not understood"),
		write("quarantine.manage", site, "quarantine.read", "take in or drop readings that were not understood"),
		read("settings.read", site, "see the settings of the site"),
		write("settings.manage", site, "settings.read", "change the settings of the site"),
		write("webhooks.manage", site, "settings.read", "have events sent to other programs").known(),
		read("search.use", site, "search"),
		read("blobs.read", site, "fetch files"),
		write("blobs.write", site, "blobs.read", "add files"),
		read("policy.read", site, "see the policies of the site").anchor(),
		write("policy.manage", site, "policy.read", "change the policies of the site").dangerous().anchor(),
		read("sync.pull", site, "fetch the records of the site").quiet(),
		write("sync.push", site, "sync.pull", "hand records to the site").quiet(),
		read("analytics.read", site, "see figures and trends"),
		write("analytics.manage", site, "analytics.read", "set up figures and alerts"),
		read("ai.use", site, "ask the assistant"),
		read("ai.clinical", edge.Clinical, "have the assistant look at clinical records").care(),
		write("ai.manage", site, "ai.use", "choose and update the models"),
	}
}

func peoplePermissions() []Permission {
	const personal = edge.Personal
	return []Permission{
		write("identity.enter", edge.Public, "", "log in").open().anchor(),
		read("identity.whoami", personal, "see one's own account").anchor(),
		write("identity.self", personal, "identity.whoami", "change one's own password, second factor and sessions").known().anchor(),
		read("identity.read", personal, "see people and their roles"),
		write("identity.manage", personal, "identity.read", "add people, change their roles and reset what they log in with").dangerous(),
		write("sessions.manage", personal, "identity.read", "end sessions of others").known(),
		write("tokens.manage", personal, "identity.read", "make tokens for programs").dangerous(),
		read("audit.read", personal, "see who did what"),
		read("consent.read", personal, "see what people agreed to"),
		write("consent.manage", personal, "consent.read", "write down what people agree to").known(),
		write("breakglass.open", personal, "health.lookup", "get at a record in an emergency, with a reason").known().wide(),
		write("breakglass.end", personal, "breakglass.review", "end emergency access of others").known(),
		read("breakglass.review", personal, "see emergency access and its reasons"),
	}
}

func healthPermissions() []Permission {
	const personal, clinical = edge.Personal, edge.Clinical
	return []Permission{
		read("health.lookup", personal, "find patients by name and number"),
		write("health.register", personal, "health.lookup", "register patients and change their names and contacts"),
		write("health.merge", personal, "health.lookup", "join two records of one patient"),
		read("health.agenda", personal, "see appointments"),
		write("health.schedule", personal, "health.agenda", "make, move and cancel appointments"),
		read("health.read", clinical, "read clinical records").care(),
		write("health.write", clinical, "health.read", "write clinical records").care(),
		write("health.prescribe", clinical, "health.read", "sign prescriptions and orders").care().known(),
		read("health.export", clinical, "export clinical records of many patients").dangerous(),
		write("health.erase", personal, "health.lookup", "erase a patient for ever").dangerous(),
		write("health.configure", edge.SiteOnly, "", "set up forms, code lists and schedules"),
	}
}

func moneyPermissions() []Permission {
	const personal = edge.Personal
	return []Permission{
		read("wallet.read", personal, "see accounts and what moved on them").money(),
		write("wallet.transfer", personal, "wallet.read", "send money").money(),
		write("wallet.desk", personal, "wallet.read", "take in and pay out cash").money(),
		write("wallet.accounts", personal, "wallet.read", "open, freeze and close accounts").money(),
		write("wallet.reverse", personal, "wallet.read", "reverse a transfer").money().dangerous(),
		write("wallet.approve", personal, "wallet.read", "approve what another asked for").money().dangerous(),
		write("wallet.reconcile", edge.SiteOnly, "wallet.report", "match statements of the bank").money(),
		read("wallet.report", edge.SiteOnly, "see totals of funds and campaigns").money(),
		write("wallet.rules", edge.SiteOnly, "wallet.report", "change the rules money is checked by").money().dangerous(),
		write("wallet.review", personal, "wallet.read", "decide what the rules put on hold").money().dangerous(),
		write("zakat.self", personal, "wallet.read", "reckon one's own zakat and have one's lunar year followed").money(),
		write("zakat.apply", personal, "zakat.case", "ask for help from zakat"),
		read("zakat.case", personal, "read applications for zakat").money(),
		write("zakat.assess", personal, "zakat.case", "look into an application for zakat").money(),
		write("zakat.decide", personal, "zakat.case", "grant or refuse zakat").money().dangerous(),
	}
}

func communityPermissions() []Permission {
	const site = edge.SiteOnly
	return []Permission{
		read("community.public", edge.Public, "see prayer times, public events and announcements").open(),
		read("community.read", site, "see what is for members"),
		write("community.post", site, "community.read", "write posts and comments"),
		write("community.join", edge.Personal, "community.read", "answer invitations, join groups and take shifts"),
		write("community.announce", site, "community.read", "publish announcements"),
		write("community.events", site, "community.read", "plan events and classes"),
		write("community.moderate", site, "community.read", "hide posts and warn or ban people"),
		read("community.people", edge.Personal, "see members and their contacts"),
		write("community.manage", site, "community.read", "set prayer times, screens and the profile of the mosque"),
	}
}
