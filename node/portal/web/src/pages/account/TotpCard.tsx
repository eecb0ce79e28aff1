import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import type { Self } from '@/api/identity';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Confirm } from '@/ui/Confirm';
import { Dialog } from '@/ui/Dialog';
import { useAttempt } from '@/ui/useAttempt';
import { TotpSetup } from './TotpSetup';
import { RecoveryCodes } from './RecoveryCodes';

/** The authenticator app, and the codes on paper for the day the phone is lost. */
export function TotpCard({ self }: { self: Self }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const attempt = useAttempt();
  const [adding, setAdding] = useState(false);
  const [codes, setCodes] = useState<string[]>();
  const again = () => client.refetchQueries({ queryKey: ['me'] });
  const renew = () => void attempt(async () => setCodes((await command<{ codes?: string[] }>('POST', '/v1/me/recovery-codes')).codes ?? []));
  const remove = () =>
    attempt(async () => {
      await command('DELETE', '/v1/me/totp');
      await again();
    });
  const left = self.recoveryCodes ?? 0;
  return (
    <Card title={t('account.totp')}>
      {self.person?.hasTotp ? (
        <div className="space-y-3">
          <Notice tone={left < 3 ? 'warn' : 'good'}>{t('account.totpOn', { count: left })}</Notice>
          <div className="flex flex-wrap justify-end gap-2">
            <Button onClick={renew}>{t('account.renewCodes')}</Button>
            <Confirm label={t('common.remove')} title={t('account.removeTotp')} text={t('account.removeTotpText')} onConfirm={remove} />
          </div>
        </div>
      ) : (
        <div className="space-y-3">
          <p className="text-sm text-soft">{t('account.totpOff')}</p>
          <div className="flex justify-end">
            <Button onClick={() => setAdding(true)}>{t('account.addTotp')}</Button>
          </div>
        </div>
      )}
      {adding && (
        <Dialog open fixed onClose={() => setAdding(false)} title={t('account.addTotp')}>
          <TotpSetup onDone={() => (setAdding(false), void again())} onCancel={() => setAdding(false)} />
        </Dialog>
      )}
      {codes && (
        <Dialog open fixed onClose={() => setCodes(undefined)} title={t('account.recovery')}>
          <RecoveryCodes codes={codes} onDone={() => (setCodes(undefined), void again())} />
        </Dialog>
      )}
    </Card>
  );
}
