import { Plus, X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useFormats } from '@/i18n/format';
import { Button, IconButton } from '@/ui/Button';
import { Check, Field, Select } from '@/ui/Field';
import { type Piece, finenesses, milligrams } from './zakatForm';

/** Carats are twenty-fourths; what has no round number of them is named by its thousandths alone. */
const carats: Record<number, number> = { 1000: 24, 917: 22, 875: 21, 750: 18, 585: 14, 375: 9 };
const most = 20;

/** Metals is gold or silver by the piece: how heavy, how pure, worn or not. */
export function Metals({ metal, pieces, onChange }: { metal: 'gold' | 'silver'; pieces: Piece[]; onChange: (p: Piece[]) => void }) {
  const { t } = useTranslation();
  const f = useFormats();
  const set = (i: number, part: Partial<Piece>) => onChange(pieces.map((p, at) => (at === i ? { ...p, ...part } : p)));
  const label = t(metal === 'gold' ? 'wallet.gold' : 'wallet.silver');
  return (
    <fieldset className="space-y-3">
      <legend className="text-sm font-medium">{label}</legend>
      {pieces.map((p, i) => (
        <div key={i} className="rounded-lg border border-line p-3">
          <div className="grid grid-cols-[1fr_1fr_auto] items-start gap-3">
            <Field label={t('wallet.grams')} dir="ltr" inputMode="decimal" className="figures text-end" value={p.grams} onChange={(e) => set(i, { grams: e.target.value })} help={milligrams(p.grams) && <span className="latin">{`= ${f.value(Number(milligrams(p.grams)) / 1000)} g`}</span>} error={p.grams.trim() && !milligrams(p.grams) ? t('wallet.noWeight') : undefined} />
            <Select label={t('wallet.fineness')} value={p.fineness} onChange={(e) => set(i, { fineness: Number(e.target.value) })}>
              {finenesses[metal].map((n) => (
                <option key={n} value={n}>
                  {metal === 'gold' && carats[n] ? t('wallet.carat', { count: carats[n] }) : f.value(n)}
                </option>
              ))}
            </Select>
            <IconButton label={t('common.remove')} className="mt-6" onClick={() => onChange(pieces.filter((_, at) => at !== i))}>
              <X size={18} aria-hidden />
            </IconButton>
          </div>
          <Check label={t('wallet.worn')} help={t('wallet.wornHelp')} checked={p.worn} onChange={(e) => set(i, { worn: e.target.checked })} />
        </div>
      ))}
      {pieces.length < most && (
        <Button onClick={() => onChange([...pieces, { grams: '', fineness: finenesses[metal][0], worn: false }])}>
          <Plus size={16} aria-hidden />
          {t(metal === 'gold' ? 'wallet.addGold' : 'wallet.addSilver')}
        </Button>
      )}
    </fieldset>
  );
}
