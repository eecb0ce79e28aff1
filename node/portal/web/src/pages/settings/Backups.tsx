import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Archive, Download } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { follow } from '@/api/http';
import { type Backup, type BackupProgress, backups } from '@/api/node';
import { useCommand } from '@/api/useCommand';
import { useFormats } from '@/i18n/format';
import { Button, linkLooks } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Confirm } from '@/ui/Confirm';
import { Empty, Loaded } from '@/ui/States';
import { toast } from '@/ui/toast';
import { useSentence } from '@/ui/useSentence';
import { RestoreHelp } from './RestoreHelp';

export function Backups() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const sentence = useSentence();
  const query = useQuery(backups);
  const [progress, setProgress] = useState<BackupProgress>();
  const make = async () => {
    setProgress({});
    let last: BackupProgress = {};
    try {
      await follow<BackupProgress>('POST', '/v1/backups', (p) => setProgress((last = p)));
      // A stream that ends before it says that it is done was cut off.
      if (last.done) toast({ tone: 'good', text: t('backup.made') });
      else toast({ tone: 'bad', text: t('backup.cut') });
    } catch (e) {
      toast({ tone: 'bad', ...sentence(e) });
    } finally {
      setProgress(undefined);
      void client.invalidateQueries({ queryKey: ['backups'] });
    }
  };
  const button = (
    <Button busy={progress !== undefined} onClick={() => void make()}>
      {t('backup.make')}
    </Button>
  );
  return (
    <Card title={t('backup.title')} action={button}>
      {progress && <Progress progress={progress} />}
      <Loaded query={query}>
        {({ backups = [] }) =>
          backups.length === 0 ? (
            <Empty icon={Archive} title={t('backup.none')}>
              {t('backup.noneHint')}
            </Empty>
          ) : (
            <ul className="divide-y divide-line">
              {backups.map((b) => (
                <Row key={b.name} backup={b} />
              ))}
            </ul>
          )
        }
      </Loaded>
      <RestoreHelp />
    </Card>
  );
}

function Progress({ progress: p }: { progress: BackupProgress }) {
  const { t } = useTranslation();
  const f = useFormats();
  const share = Number(p.bytes ?? 0) / Math.max(1, Number(p.expected ?? 0), Number(p.bytes ?? 0));
  return (
    <div className="mb-3" role="status">
      <p className="figures text-sm text-soft">{t('backup.progress', { bytes: f.bytes(p.bytes) })}</p>
      <progress className="h-2 w-full accent-[var(--accent)]" max={1} value={share} aria-label={t('backup.title')} />
    </div>
  );
}

function Row({ backup: b }: { backup: Backup }) {
  const { t } = useTranslation();
  const f = useFormats();
  const send = useCommand();
  const path = `/v1/backups/${encodeURIComponent(b.name ?? '')}`;
  const remove = () => send({ method: 'DELETE', path, label: 'backup.removing', values: { name: b.name ?? '' } }, t('common.saved'));
  return (
    <li className="flex flex-wrap items-center gap-2 py-2.5 text-sm">
      <span className="min-w-0 grow basis-40">
        <span className="block font-medium">{f.moment(b.made)}</span>
        <span className="block text-xs text-soft">
          <bdi className="font-mono break-all">{b.name}</bdi> · {f.bytes(b.bytes)}
        </span>
      </span>
      <a href={`${path}/content`} download={b.name} className={linkLooks()} aria-label={`${t('backup.download')}: ${b.name}`}>
        <Download size={16} aria-hidden />
        {t('backup.download')}
      </a>
      <Confirm label={t('common.remove')} title={t('backup.removeTitle')} text={t('backup.removeText')} onConfirm={remove} />
    </li>
  );
}
