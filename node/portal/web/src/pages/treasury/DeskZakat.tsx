import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { assets } from '@/api/money/ledger';
import { linkLooks } from '@/ui/Button';
import { Reckon } from '../wallet/Zakat';
import { Frame } from './Frame';
import { Choice } from './Plot';

/** Reckons zakat for somebody at the desk. What they have is kept nowhere. */
export default function DeskZakat() {
  const { t } = useTranslation();
  const list = (useQuery(assets).data?.assets ?? []).filter((a) => a.iso).map((a) => a.code);
  const [chosen, setChosen] = useState('');
  const asset = chosen || list[0] || '';
  const action = (
    <Link to="/treasury/$" params={{ _splat: 'zakat' }} className={linkLooks()}>
      {t('treasury.allCases')}
    </Link>
  );
  return (
    <Frame title={t('treasury.reckon')} lead={t('treasury.reckonLead')} action={action}>
      {list.length > 1 && <Choice label={t('treasury.asset')} all={list} one={asset} onChoose={setChosen} say={(s) => s} />}
      {asset && <Reckon key={asset} asset={asset} desk />}
    </Frame>
  );
}
