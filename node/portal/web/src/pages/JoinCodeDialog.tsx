import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import type { JoinCode } from '@/api/node';
import { useFormats } from '@/i18n/format';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Field } from '@/ui/Field';
import { Form, text } from '@/ui/Form';
import { Secret } from '@/ui/Secret';

/** A join code lets one newcomer in, once, for a quarter of an hour. */
export function JoinCodeDialog({ role, onClose }: { role: 'node' | 'site'; onClose: () => void }) {
  const { t } = useTranslation();
  const f = useFormats();
  const [made, setMade] = useState<JoinCode>();
  const make = async (data: FormData) => {
    setMade(await command<JoinCode>('POST', '/v1/join-codes', { role, site: text(data, 'site') }));
  };
  return (
    <Dialog open fixed={made !== undefined} onClose={onClose} title={t(role === 'node' ? 'site.add' : 'hub.add')}>
      {made ? (
        <div className="space-y-4">
          <Notice tone="none">{t('join.until', { time: f.time(made.expires) })}</Notice>
          <Secret label={t("join.code")} value={made.code ?? ""} />
          <Secret label={t('join.command')} value={made.command ?? ''} qr={false} />
          <div className="flex justify-end">
            <Button look="main" onClick={onClose}>
              {t('common.close')}
            </Button>
          </div>
        </div>
      ) : (
        <Form submit={t('join.make')} onSubmit={make} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
          <p className="text-sm text-soft">{t(role === 'node' ? 'join.leadNode' : 'join.leadSite')}</p>
          {role === 'site' && <Field label={t('join.site')} name="site" latin required maxLength={63} help={t('join.siteHelp')} />}
        </Form>
      )}
    </Dialog>
  );
}
