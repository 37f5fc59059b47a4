import type {
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '@coracle/api';

type Fields = Readonly<Record<string, unknown>>;
type Scaler = HorizontalPodAutoscaler;

/** What autoscaling/v1 has no fields for travels in these annotations (pkg/apis/autoscaling/annotations.go). */
const prefix = 'autoscaling.alpha.kubernetes.io/';
const annotationNames = ['metrics', 'current-metrics', 'conditions', 'behavior'] as const;
type Carried = Partial<Record<(typeof annotationNames)[number], unknown>>;

interface FirstScaler {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly scaleTargetRef: unknown;
    readonly minReplicas?: number;
    readonly maxReplicas: number;
    readonly targetCPUUtilizationPercentage?: number;
  };
  readonly status?: { readonly currentCPUUtilizationPercentage?: number } & Fields;
}

/** autoscaling/v2, which is stored, as autoscaling/v1: of the metrics it has CPU only (pkg/apis/autoscaling/v1 conversion.go). */
export function toFirstAutoscaler(object: Fields): Fields {
  const { metadata, spec, status } = object as unknown as Scaler; // the stored form
  const { metrics = [], behavior, ...kept } = spec;
  const { currentMetrics, conditions, ...counts } = status ?? { desiredReplicas: 0 };
  const cpu = metrics.find(isCpuUtilization)?.resource?.target.averageUtilization;
  const currentCpu = (currentMetrics ?? []).find((metric) => metric.type === 'Resource' && metric.resource?.name === 'cpu');
  const others = metrics.filter((metric) => !isCpuUtilization(metric));
  const usage = currentCpu?.resource?.current.averageUtilization;
  const carried: Carried = {
    ...(others.length === 0 ? {} : { metrics: others.map(firstMetric) }),
    ...((currentMetrics ?? []).length === 0 ? {} : { 'current-metrics': (currentMetrics ?? []).map(firstCurrent) }),
    ...((conditions ?? []).length === 0 ? {} : { conditions }),
    ...(behavior === undefined ? {} : { behavior: { ScaleUp: capitalized(behavior.scaleUp), ScaleDown: capitalized(behavior.scaleDown) } }),
  };
  const texts = Object.entries(carried).map(([name, value]) => [prefix + name, JSON.stringify(value)] as const);
  const annotations = { ...metadata.annotations, ...Object.fromEntries(texts) };
  return {
    metadata: texts.length === 0 ? metadata : { ...metadata, annotations },
    spec: { ...kept, ...(cpu === undefined ? {} : { targetCPUUtilizationPercentage: cpu }) },
    status: { ...counts, ...(usage === undefined ? {} : { currentCPUUtilizationPercentage: usage }) },
  };
}

export function fromFirstAutoscaler(object: Fields): Fields {
  const { metadata, spec, status } = object as unknown as FirstScaler; // decoded as this version
  const carried = readAnnotations(metadata.annotations ?? {});
  const { targetCPUUtilizationPercentage: cpu, ...kept } = spec;
  const { currentCPUUtilizationPercentage: usage, ...counts } = status ?? {};
  const metrics = [
    ...list(carried.metrics).map(secondMetric),
    ...(cpu === undefined
      ? []
      : [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: cpu } } }]),
  ];
  const ownCurrent = usage === undefined ? [] : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: usage } } }];
  const currentMetrics = carried['current-metrics'] === undefined ? ownCurrent : list(carried['current-metrics']).map(secondCurrent);
  const { ScaleUp: up, ScaleDown: down } = (carried.behavior ?? {}) as {
    readonly ScaleUp?: Fields | null;
    readonly ScaleDown?: Fields | null;
  }; // an object: it was read as one
  const others = Object.entries(metadata.annotations ?? {}).filter(([name]) => !annotationNames.some((own) => name === prefix + own));
  const { annotations: _annotations, ...plain } = metadata;
  return {
    metadata: others.length === 0 ? plain : { ...plain, annotations: Object.fromEntries(others) },
    spec: {
      ...kept,
      ...(metrics.length === 0 ? {} : { metrics }),
      ...(carried.behavior === undefined
        ? {}
        : { behavior: { ...member('scaleUp', uncapitalized(up)), ...member('scaleDown', uncapitalized(down)) } }),
    },
    status: {
      ...counts,
      ...(currentMetrics.length === 0 ? {} : { currentMetrics }),
      ...(carried.conditions === undefined ? {} : { conditions: carried.conditions }),
    },
  };
}

/** Annotations that anybody may write: what is no JSON of the right kind says nothing. */
function readAnnotations(annotations: Readonly<Record<string, string>>): Carried {
  const carried: Carried = {};
  for (const name of annotationNames) {
    const text = Object.hasOwn(annotations, prefix + name) ? annotations[prefix + name] : undefined;
    const value = text === undefined ? undefined : parsed(text);
    if (typeof value === 'object' && value !== null && Array.isArray(value) === (name !== 'behavior')) carried[name] = value;
  }
  return carried;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter((item): item is Fields => typeof item === 'object' && item !== null) : [];
}

function member(name: string, value: unknown): Fields {
  return value === undefined || value === null ? {} : { [name]: value };
}

function isCpuUtilization({ type, resource }: MetricSpec): boolean {
  return type === 'Resource' && resource?.name === 'cpu' && resource.target.averageUtilization !== undefined;
}

/** Behaviour travels in the spelling of Go. */
function capitalized(rules: HPAScalingRules | undefined): unknown {
  if (rules === undefined) return null;
  return {
    StabilizationWindowSeconds: rules.stabilizationWindowSeconds ?? null,
    SelectPolicy: rules.selectPolicy ?? null,
    Policies: rules.policies?.map(({ type, value, periodSeconds }) => ({ Type: type, Value: value, PeriodSeconds: periodSeconds })) ?? null,
    Tolerance: rules.tolerance ?? null,
  };
}

function uncapitalized(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(uncapitalized);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) =>
      item === null ? [] : [[key.slice(0, 1).toLowerCase() + key.slice(1), uncapitalized(item)]],
    ),
  );
}

function firstMetric(metric: MetricSpec): Fields {
  const { type, object, pods, resource, containerResource, external } = metric;
  const amounts = (target: MetricTarget): Fields => ({
    ...member('targetAverageUtilization', target.averageUtilization),
    ...member('targetAverageValue', target.averageValue),
  });
  return {
    type,
    ...(object && {
      object: {
        target: object.describedObject,
        metricName: object.metric.name,
        targetValue: object.target.value ?? '0',
        ...member('selector', object.metric.selector),
        ...member('averageValue', object.target.averageValue),
      },
    }),
    ...(pods && {
      pods: {
        metricName: pods.metric.name,
        targetAverageValue: pods.target.averageValue ?? '0',
        ...member('selector', pods.metric.selector),
      },
    }),
    ...(resource && { resource: { name: resource.name, ...amounts(resource.target) } }),
    ...(containerResource && {
      containerResource: { name: containerResource.name, ...amounts(containerResource.target), container: containerResource.container },
    }),
    ...(external && {
      external: {
        metricName: external.metric.name,
        ...member('metricSelector', external.metric.selector),
        ...member('targetValue', external.target.value),
        ...member('targetAverageValue', external.target.averageValue),
      },
    }),
  };
}

type Source = Readonly<Record<string, string | number | Fields | undefined>>;

function secondMetric(metric: Fields): Fields {
  const { type, object, pods, resource, containerResource, external } = metric as Readonly<Record<string, Source | undefined>>; // an annotation: read field by field
  const target = (sent: Source, value: string, average: string): Fields => {
    const utilization = sent['targetAverageUtilization'];
    const averageValue = sent[average];
    if (utilization !== undefined) return { type: 'Utilization', averageUtilization: utilization };
    return averageValue === undefined ? { type: 'Value', ...member('value', sent[value]) } : { type: 'AverageValue', averageValue };
  };
  return {
    type,
    ...(object && {
      object: {
        describedObject: object['target'],
        metric: identifier(object, 'selector'),
        target: {
          ...target(object, 'targetValue', 'averageValue'),
          ...(object['targetValue'] === undefined || object['targetValue'] === '0' ? {} : { value: object['targetValue'] }),
        },
      },
    }),
    ...(pods && { pods: { metric: identifier(pods, 'selector'), target: target(pods, '', 'targetAverageValue') } }),
    ...(resource && { resource: { name: resource['name'], target: target(resource, '', 'targetAverageValue') } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource['name'],
        container: containerResource['container'],
        target: target(containerResource, '', 'targetAverageValue'),
      },
    }),
    ...(external && {
      external: { metric: identifier(external, 'metricSelector'), target: target(external, 'targetValue', 'targetAverageValue') },
    }),
  };
}

function identifier(sent: Source, selector: string): Fields {
  return { name: sent['metricName'] ?? '', ...member('selector', sent[selector]) };
}

function firstCurrent(metric: MetricStatus): Fields {
  const { type, object, pods, resource, containerResource, external } = metric;
  const amounts = (current: MetricValueStatus): Fields => ({
    ...member('currentAverageUtilization', current.averageUtilization),
    currentAverageValue: current.averageValue ?? '0',
  });
  const named = ({ name, selector }: MetricIdentifier, as: string): readonly [Fields, Fields] => [
    { metricName: name },
    member(as, selector),
  ];
  return {
    type,
    ...(object && {
      object: {
        target: object.describedObject,
        ...named(object.metric, 'selector')[0],
        currentValue: object.current.value ?? '0',
        ...named(object.metric, 'selector')[1],
        ...member('averageValue', object.current.averageValue),
      },
    }),
    ...(pods && {
      pods: {
        ...named(pods.metric, 'selector')[0],
        currentAverageValue: pods.current.averageValue ?? '0',
        ...named(pods.metric, 'selector')[1],
      },
    }),
    ...(resource && { resource: { name: resource.name, ...amounts(resource.current) } }),
    ...(containerResource && {
      containerResource: { name: containerResource.name, ...amounts(containerResource.current), container: containerResource.container },
    }),
    ...(external && {
      external: {
        ...named(external.metric, '')[0],
        ...named(external.metric, 'metricSelector')[1],
        currentValue: external.current.value ?? '0',
        ...member('currentAverageValue', external.current.averageValue),
      },
    }),
  };
}

function secondCurrent(metric: Fields): Fields {
  const { type, object, pods, resource, containerResource, external } = metric as Readonly<Record<string, Source | undefined>>; // an annotation: read field by field
  const current = (sent: Source, value: string, average: string): Fields => ({
    ...(sent[value] === undefined || sent[value] === '0' ? {} : { value: sent[value] }),
    ...member('averageUtilization', sent['currentAverageUtilization']),
    ...(sent[average] === undefined || sent[average] === '0' ? {} : { averageValue: sent[average] }),
  });
  return {
    type,
    ...(object && {
      object: {
        describedObject: object['target'],
        metric: identifier(object, 'selector'),
        current: current(object, 'currentValue', 'averageValue'),
      },
    }),
    ...(pods && { pods: { metric: identifier(pods, 'selector'), current: current(pods, '', 'currentAverageValue') } }),
    ...(resource && { resource: { name: resource['name'], current: current(resource, '', 'currentAverageValue') } }),
    ...(containerResource && {
      containerResource: {
        name: containerResource['name'],
        container: containerResource['container'],
        current: current(containerResource, '', 'currentAverageValue'),
      },
    }),
    ...(external && {
      external: { metric: identifier(external, 'metricSelector'), current: current(external, 'currentValue', 'currentAverageValue') },
    }),
  };
}
