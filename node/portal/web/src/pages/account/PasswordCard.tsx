import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Dialog } from '@/ui/Dialog';
import { Form } from '@/ui/Form';
import { NewPassword } from '@/ui/NewPassword';
import { toast } from '@/ui/toast';

export function PasswordCard() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const change = async (data: FormData) => {
    await command('POST', '/v1/me/password', { password: String(data.get('password')) });
    setOpen(false);
    toast({ tone: 'good', text: t('account.passwordChanged') });
    void client.invalidateQueries({ queryKey: ['sessions'] });
  };
  return (
    <Card title={t('signin.password')}>
      <p className="text-sm text-soft">{t('account.passwordLead')}</p>
      <div className="mt-3 flex justify-end">
        <Button onClick={() => setOpen(true)}>{t('account.changePassword')}</Button>
      </div>
      {open && (
        <Dialog open onClose={() => setOpen(false)} title={t('account.changePassword')}>
          <Form submit={t('common.save')} onSubmit={change} extra={<Button onClick={() => setOpen(false)}>{t('common.cancel')}</Button>}>
            <NewPassword label={t('account.newPassword')} />
          </Form>
        </Dialog>
      )}
    </Card>
  );
}
