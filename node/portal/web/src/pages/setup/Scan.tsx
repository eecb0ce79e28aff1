import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Notice } from '@/ui/Badge';

interface Detector {
  detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]>;
}
type WithDetector = typeof globalThis & { BarcodeDetector?: new (o: { formats: string[] }) => Detector };

/** Some browsers read QR codes themselves; the others' people use their camera app and paste. */
export const canScan = () => 'BarcodeDetector' in globalThis && Boolean(navigator.mediaDevices);

export function Scan({ onText }: { onText: (text: string) => void }) {
  const { t } = useTranslation();
  const video = useRef<HTMLVideoElement>(null);
  const [failed, setFailed] = useState(false);
  const found = useRef(onText);
  found.current = onText;
  useEffect(() => {
    let stream: MediaStream | undefined;
    let timer: ReturnType<typeof setInterval>;
    let over = false;
    const start = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      const v = video.current;
      if (over || !v) return stream.getTracks().forEach((x) => x.stop());
      v.srcObject = stream;
      await v.play();
      const detector = new (globalThis as WithDetector).BarcodeDetector!({ formats: ['qr_code'] });
      timer = setInterval(() => {
        void detector.detect(v).then((codes) => codes[0] && found.current(codes[0].rawValue), () => {});
      }, 300);
    };
    start().catch(() => setFailed(true));
    return () => {
      over = true;
      clearInterval(timer);
      stream?.getTracks().forEach((x) => x.stop());
    };
  }, []);
  if (failed) return <Notice tone="warn">{t('setup.noCamera')}</Notice>;
  return <video ref={video} muted playsInline aria-label={t('setup.scan')} className="aspect-square w-full rounded-xl bg-raised object-cover" />;
}
