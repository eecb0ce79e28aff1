import { Link } from '@tanstack/react-router';
import { HandHeart, QrCode, Scale, Send as Plane } from 'lucide-react';
import { Suspense, lazy, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button, linkLooks } from '@/ui/Button';

const Send = lazy(() => import('./Send'));
const Give = lazy(() => import('./Give'));
const Pay = lazy(() => import('./Pay'));

const tile = 'flex-col gap-1! px-1! py-2! sm:flex-row sm:gap-2! sm:px-3.5!';

/** What one can do with one's own money. */
export function Actions({ from }: { from: string }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<'send' | 'give' | 'pay'>();
  const close = () => setOpen(undefined);
  return (
    // Under the thumb on a phone: a row of four, whatever the language.
    <div className="grid w-full grid-cols-4 gap-2 sm:flex sm:w-auto">
      <Button look="main" className={tile} onClick={() => setOpen('pay')}>
        <QrCode size={18} aria-hidden />
        {t('wallet.pay')}
      </Button>
      <Button className={tile} onClick={() => setOpen('send')}>
        <Plane size={18} aria-hidden className="mirror" />
        {t('wallet.send')}
      </Button>
      <Button className={tile} onClick={() => setOpen('give')}>
        <HandHeart size={18} aria-hidden />
        {t('wallet.give')}
      </Button>
      <Link to="/wallet/zakat" className={`${linkLooks()} ${tile}`}>
        <Scale size={18} aria-hidden />
        {t('wallet.zakat')}
      </Link>
      <Suspense>
        {open === 'send' && <Send from={from} onClose={close} />}
        {open === 'give' && <Give from={from} onClose={close} />}
        {open === 'pay' && <Pay from={from} onClose={close} />}
      </Suspense>
    </div>
  );
}
