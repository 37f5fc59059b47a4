import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerAutoscalingV1, MetricSpec, MetricStatus } from '@coracle/api';
import type { Frozen } from '@coracle/apimachinery';
import type { Cells } from '../registry/kind-hooks.ts';
import { namedRow, withMore } from './row.ts';

const shownMetrics = 2;

export const autoscaling: Readonly<Record<string, Cells>> = {
  'autoscaling/v1/horizontalpodautoscalers': namedRow<HorizontalPodAutoscalerAutoscalingV1>(({ spec, status }) => {
    const target = spec?.targetCPUUtilizationPercentage;
    const metrics = target === undefined ? '<none>' : `cpu: ${percent(status?.currentCPUUtilizationPercentage, '<unknown>')}/${target}%`;
    return [
      referenceText(spec?.scaleTargetRef),
      metrics,
      String(spec?.minReplicas ?? '<unset>'),
      spec?.maxReplicas ?? 0,
      status?.currentReplicas ?? 0,
    ];
  }),
  'autoscaling/v2/horizontalpodautoscalers': namedRow<HorizontalPodAutoscaler>(({ spec, status }) => [
    referenceText(spec?.scaleTargetRef),
    metricsText(spec?.metrics ?? [], status?.currentMetrics ?? []),
    String(spec?.minReplicas ?? '<unset>'),
    spec?.maxReplicas ?? 0,
    status?.currentReplicas ?? 0,
  ]),
};

function referenceText(reference: { readonly kind: string; readonly name: string } | undefined): string {
  return `${reference?.kind ?? ''}/${reference?.name ?? ''}`;
}

function metricsText(specs: readonly Frozen<MetricSpec>[], statuses: readonly (Frozen<MetricStatus> | undefined)[]): string {
  return specs.length === 0
    ? '<none>'
    : withMore(
        specs.map((spec, i) => metricText(spec, statuses[i])),
        shownMetrics,
        ', ',
      );
}

interface Amounts {
  readonly value?: string;
  readonly averageValue?: string;
  readonly averageUtilization?: number;
}

/** What there is of what shall be: `cpu: 35%/70%`. A status of another type says nothing. */
function metricText(
  { type, resource, containerResource, pods, object, external }: Frozen<MetricSpec>,
  status: Frozen<MetricStatus> | undefined,
): string {
  switch (type) {
    case 'Resource':
      return resourceText(resource, status?.resource?.current);
    case 'ContainerResource':
      return resourceText(containerResource, status?.containerResource?.current);
    case 'Pods':
      return `${amount(status?.pods?.current.averageValue)}/${pods?.target.averageValue ?? '<nil>'}`;
    case 'Object':
      return valueText(object?.target, status?.object?.current);
    case 'External':
      return valueText(external?.target, status?.external?.current);
    default:
      return '<unknown type>';
  }
}

function resourceText(metric: { readonly name: string; readonly target: Amounts } | undefined, current: Amounts | undefined): string {
  const { averageValue, averageUtilization } = metric?.target ?? {};
  const text =
    averageValue === undefined
      ? `${percent(current?.averageUtilization, '<unknown>')}/${percent(averageUtilization, '<auto>')}`
      : `${amount(current?.averageValue)}/${averageValue}`;
  return `${metric?.name ?? ''}: ${text}`;
}

function valueText(target: Amounts | undefined, current: Amounts | undefined): string {
  if (target?.averageValue !== undefined) return `${amount(current?.averageValue)}/${target.averageValue} (avg)`;
  return `${amount(current?.value)}/${target?.value ?? '<nil>'}`;
}

function amount(quantity: string | undefined): string {
  return quantity ?? '<unknown>';
}

function percent(value: number | undefined, otherwise: string): string {
  return value === undefined ? otherwise : `${value}%`;
}
