import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Notice } from '@/ui/Badge';

type Reader = (video: HTMLVideoElement) => Promise<string | undefined>;
interface Detector {
  detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]>;
}
type WithDetector = typeof globalThis & { BarcodeDetector?: { new (o: { formats: string[] }): Detector; getSupportedFormats?: () => Promise<string[]> } };

/** A camera is only given to pages that came with TLS, or from this machine. */
export const canScan = () => Boolean(navigator.mediaDevices?.getUserMedia);

const side = 640; // px of the picture that is looked at: enough for a code that fills a third of it

/** Some browsers read QR codes themselves; for the others a library is fetched, when somebody first scans. */
async function reader(): Promise<Reader> {
  const own = (globalThis as WithDetector).BarcodeDetector;
  if (own && (await own.getSupportedFormats?.().catch((): string[] => []))?.includes('qr_code') !== false) {
    const detector = new own({ formats: ['qr_code'] });
    return async (v) => (await detector.detect(v))[0]?.rawValue;
  }
  const { default: read } = await import('jsqr');
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  return async (v) => {
    if (!v.videoWidth) return undefined;
    const part = Math.min(v.videoWidth, v.videoHeight);
    canvas.width = canvas.height = Math.min(part, side);
    context.drawImage(v, (v.videoWidth - part) / 2, (v.videoHeight - part) / 2, part, part, 0, 0, canvas.width, canvas.height);
    return read(context.getImageData(0, 0, canvas.width, canvas.height).data, canvas.width, canvas.height)?.data || undefined;
  };
}

/** Scan looks through the camera until somebody has what they came for. Whoever shows it has a field beside it: not every device has one. */
export function Scan({ onText }: { onText: (text: string) => void }) {
  const { t } = useTranslation();
  const video = useRef<HTMLVideoElement>(null);
  const [failed, setFailed] = useState(false);
  const found = useRef(onText);
  found.current = onText;
  useEffect(() => {
    let stream: MediaStream | undefined;
    let timer: ReturnType<typeof setTimeout>;
    let over = false;
    const start = async () => {
      const [read, given] = await Promise.all([reader(), navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } })]);
      stream = given;
      const v = video.current;
      if (over || !v) return stream.getTracks().forEach((x) => x.stop());
      v.srcObject = stream;
      await v.play();
      // One look after another: a slow phone must not fall behind.
      const look = async () => {
        const text = await read(v).catch(() => undefined);
        if (over) return;
        if (text) found.current(text);
        timer = setTimeout(() => void look(), 250);
      };
      void look();
    };
    start().catch(() => !over && setFailed(true));
    return () => {
      over = true;
      clearTimeout(timer);
      stream?.getTracks().forEach((x) => x.stop());
    };
  }, []);
  if (failed) return <Notice tone="warn">{t('setup.noCamera')}</Notice>;
  return <video ref={video} muted playsInline aria-label={t('setup.scan')} className="aspect-square max-h-[45dvh] w-full rounded-xl bg-raised object-cover" />;
}
