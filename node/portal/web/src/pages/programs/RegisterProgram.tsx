import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { command } from '@/api/http';
import { welcome } from '@/api/node';
import { Problem } from '@/api/problem';
import type { Program } from '@/api/programs';
import { Notice } from '@/ui/Badge';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { Form } from '@/ui/Form';
import { Secret } from '@/ui/Secret';
import { ProgramFields } from './ProgramFields';
import { type Kind, discovery, faultOfKeys, programOf } from './words';

export function RegisterProgram({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [kind, setKind] = useState<Kind>('app');
  const [made, setMade] = useState<Program>();
  // Said as a refusal is said, and nothing is sent.
  const refuse = (detail: string) => {
    throw new Problem({ status: 400, detail });
  };
  const register = async (d: FormData) => {
    const asked = programOf(d, kind);
    const fault = asked.jwks ? faultOfKeys(asked.jwks) : undefined;
    if (fault) refuse(t(fault));
    if (!asked.scopes?.length) refuse(t('program.noScopes'));
    setMade(await command<Program>('POST', '/v1/oauth/clients', asked));
    void client.invalidateQueries({ queryKey: ['programs'] });
  };
  return (
    <Dialog open fixed={made !== undefined} onClose={onClose} title={t('program.add')}>
      {made ? (
        <Made program={made} onDone={onClose} />
      ) : (
        <Form submit={t('program.make')} onSubmit={register} extra={<Button onClick={onClose}>{t('common.cancel')}</Button>}>
          <ProgramFields kind={kind} onKind={setKind} />
        </Form>
      )}
    </Dialog>
  );
}

/** What has to be entered in the program. There is no secret: it proves itself by its own key, or by nothing. */
function Made({ program: p, onDone }: { program: Program; onDone: () => void }) {
  const { t } = useTranslation();
  const name = useQuery(welcome).data?.passkeyName;
  return (
    <div className="space-y-4">
      <Notice tone="good" hint={t('program.use')}>
        {t('program.made', { name: p.name })}
      </Notice>
      <Secret label={t('program.id')} value={p.id} qr={false} />
      {name && <Secret label={t('program.discovery')} value={discovery(location.href, name)} qr={false} />}
      <div className="flex justify-end">
        <Button look="main" onClick={onDone}>
          {t('common.done')}
        </Button>
      </div>
    </div>
  );
}
