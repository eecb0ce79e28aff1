// What is offered to whom, so that nobody is led to a door that is closed. It allows nothing: the node decides,
// by the policies in node/policy, and the page shows its answer.
const site = ['node.read', 'devices.read', 'readings.read', 'quarantine.read', 'settings.read', 'search.use'];

const given: Record<string, string[]> = {
  operator: [...site, 'node.manage', 'node.backup', 'devices.manage'],
  auditor: [...site, 'audit.read', 'identity.read'],
  clinician: ['devices.read', 'readings.read', 'search.use'],
  'front-desk': ['search.use'],
  'wallet-officer': ['search.use'],
  'shariah-reviewer': ['search.use'],
  'community-admin': ['search.use'],
};

export function roleMay(roles: string[], permission: string): boolean {
  return roles.some((r) => r === 'owner' || r === 'site-admin' || given[r]?.includes(permission));
}
