import { Download } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { LanguageChoice } from '@/shell/Preferences';
import { Notice } from '@/ui/Badge';
import { linkLooks } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Page } from '@/ui/Page';
import { Qr } from '@/ui/Secret';

export const systems = ['ios', 'android', 'windows', 'macos', 'linux'] as const;
type System = (typeof systems)[number];

const names: Record<System, string> = { ios: 'iPhone, iPad', android: 'Android', windows: 'Windows', macos: 'macOS', linux: 'Linux' };

const linux = 'sudo cp *-ca.crt /usr/local/share/ca-certificates/\nsudo update-ca-certificates';

/** thisSystem guesses from what the browser says of itself; the reader can choose another. */
export function thisSystem(agent: string): System {
  if (/iPhone|iPad/.test(agent)) return 'ios';
  if (/Android/.test(agent)) return 'android';
  if (/Windows/.test(agent)) return 'windows';
  return /Mac OS/.test(agent) ? 'macos' : 'linux';
}

/**
 * How to make a device trust the site's own authority, so that its address has a lock: passkeys, offline use and
 * the camera need one. The page needs no sign-in, for it comes before it.
 */
export default function Install() {
  const { t } = useTranslation();
  const [system, setSystem] = useState<System>(() => thisSystem(navigator.userAgent));
  return (
    <main>
      <Page title={t('install.title')} lead={t('install.lead')}>
        {window.isSecureContext && <Notice tone="good">{t('install.trusted')}</Notice>}
        <div role="group" aria-label={t('install.system')} className="flex flex-wrap gap-2">
          {systems.map((s) => (
            <button
              key={s}
              type="button"
              aria-pressed={s === system}
              onClick={() => setSystem(s)}
              className={`min-h-10 rounded-lg border px-4 text-sm font-medium ${s === system ? 'border-accent bg-accent-ground text-accent' : 'border-line bg-card hover:bg-raised'}`}
            >
              <bdi>{names[s]}</bdi>
            </button>
          ))}
        </div>
        <div className="grid items-start gap-4 md:grid-cols-[minmax(0,1fr)_16rem]">
          <Card>
            <ol className="list-decimal space-y-4 ps-5 text-sm">
              <li>
                {t('install.get')}
                <div className="mt-2">
                  <a href="/ca.crt" download className={linkLooks('main')}>
                    <Download size={18} aria-hidden />
                    {t('install.download')}
                  </a>
                </div>
              </li>
              <li>
                {t(`install.${system}1`)}
                {system === 'linux' && <pre dir="ltr" tabIndex={0} className="mt-2 overflow-x-auto rounded-lg bg-raised p-3 text-xs">{linux}</pre>}
              </li>
              <li>{t(`install.${system}2`)}</li>
              <li>{t('install.check')}</li>
            </ol>
            <p className="mt-5 text-xs text-soft">{t('install.what')}</p>
          </Card>
          <Card title={t('install.phone')}>
            <Qr value={`${location.origin}/install`} label={t('install.phone')} />
            <p className="latin mt-2 text-xs break-all text-soft">{location.origin}/install</p>
          </Card>
        </div>
        <div className="max-w-60">
          <LanguageChoice />
        </div>
      </Page>
    </main>
  );
}
