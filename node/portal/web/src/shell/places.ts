import { AppWindow, Banknote, Cpu, Home, Info, KeyRound, Landmark, type LucideIcon, Network, ScrollText, Server, Settings, UserRound, Users, Wallet, Webhook } from 'lucide-react';
import { useQuery } from '@tanstack/react-query';
import { may, me } from '@/api/identity';
import { status } from '@/api/node';

export interface Place {
  to: '/' | '/wallet' | '/cashier' | '/treasury' | '/devices' | '/site' | '/hub' | '/people' | '/audit' | '/tokens' | '/programs' | '/webhooks' | '/settings' | '/about' | '/account';
  name: 'home' | 'wallet' | 'cashier' | 'treasury' | 'devices' | 'site' | 'hub' | 'people' | 'audit' | 'tokens' | 'programs' | 'webhooks' | 'settings' | 'about' | 'account';
  icon: LucideIcon;
  needs?: string;
  /** It is enough that one may so about oneself. */
  own?: boolean;
  hubOnly?: boolean;
}

const all: Place[] = [
  { to: '/', name: 'home', icon: Home },
  { to: '/wallet', name: 'wallet', icon: Wallet, needs: 'wallet.read', own: true },
  { to: '/cashier', name: 'cashier', icon: Banknote, needs: 'wallet.desk' },
  { to: '/devices', name: 'devices', icon: Cpu, needs: 'devices.read' },
  { to: '/site', name: 'site', icon: Server, needs: 'node.read' },
  { to: '/hub', name: 'hub', icon: Network, needs: 'node.read', hubOnly: true },
  { to: '/treasury', name: 'treasury', icon: Landmark, needs: 'wallet.report' },
  { to: '/people', name: 'people', icon: Users, needs: 'identity.read' },
  { to: '/audit', name: 'audit', icon: ScrollText, needs: 'audit.read' },
  { to: '/tokens', name: 'tokens', icon: KeyRound, needs: 'tokens.manage' },
  { to: '/programs', name: 'programs', icon: AppWindow, needs: 'identity.read' },
  { to: '/webhooks', name: 'webhooks', icon: Webhook, needs: 'webhooks.manage' },
  { to: '/settings', name: 'settings', icon: Settings, needs: 'settings.read' },
  { to: '/account', name: 'account', icon: UserRound },
  { to: '/about', name: 'about', icon: Info },
];

/** usePlaces is where this person can go. What they may not see is not offered; the node refuses it besides. */
export function usePlaces(): Place[] {
  const who = useQuery({ ...me, enabled: false }).data;
  const node = useQuery({ ...status, enabled: false }).data;
  return all.filter((p) => (!p.needs || may(who, p.needs, p.own)) && (!p.hubOnly || node?.role === 'hub'));
}
