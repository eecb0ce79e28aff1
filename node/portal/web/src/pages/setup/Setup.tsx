import { Check } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { IssuedDevice } from '@/api/devices';
import { LanguageChoice } from '@/shell/Preferences';
import { Solo } from '@/ui/Page';
import { DeviceStep, FirstReading } from './DeviceStep';
import { HubStep } from './HubStep';
import { PersonStep, SiteStep } from './PersonStep';
import { ProofStep } from './ProofStep';

const steps = ['site', 'person', 'proof', 'hub', 'device', 'reading'] as const;

/** From a new box to its first reading, one question at a time. What comes after the administrator can wait. */
export default function Setup() {
  const { t } = useTranslation();
  const [at, setAt] = useState(0);
  const [site, setSite] = useState({ code: new URLSearchParams(location.hash.slice(1)).get('code') ?? '', name: '' });
  const [made, setMade] = useState<IssuedDevice>();
  const next = () => setAt((i) => i + 1);
  const step = steps[at] ?? 'reading';
  return (
    <Solo wide title={t(`setup.${step}Title`)} lead={t(`setup.${step}Lead`)}>
      <Progress at={at} />
      {step === 'site' && <SiteStep site={site} onDone={(s) => (setSite(s), next())} />}
      {step === 'person' && <PersonStep site={site} onDone={next} onBack={() => setAt(0)} />}
      {step === 'proof' && <ProofStep onDone={next} />}
      {step === 'hub' && <HubStep onDone={next} />}
      {step === 'device' && <DeviceStep onDone={(d) => (setMade(d), next())} />}
      {step === 'reading' && <FirstReading issued={made} />}
      {at === 0 && (
        <div className="mt-8 border-t border-line pt-5">
          <LanguageChoice />
        </div>
      )}
    </Solo>
  );
}

function Progress({ at }: { at: number }) {
  const { t } = useTranslation();
  return (
    <ol className="mb-6 flex gap-1.5" aria-label={t('setup.progress', { at: at + 1, of: steps.length })}>
      {steps.map((s, i) => (
        <li key={s} aria-current={i === at ? 'step' : undefined} className={`flex h-1.5 grow rounded-full ${i <= at ? 'bg-accent' : 'bg-line'}`}>
          {i < at && (
            <span className="sr-only">
              <Check aria-hidden /> {t('common.done')}
            </span>
          )}
        </li>
      ))}
    </ol>
  );
}
