import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricsRegistry } from './metrics.ts';

test('MetricsRegistry.text() prints the Prometheus format, metrics in order of name', () => {
  const metrics = new MetricsRegistry();
  metrics.gauge({ name: 'queue_depth', help: 'Waiting.' }).set(3);
  const requests = metrics.counter({ name: 'requests_total', help: 'Requests.', labels: ['verb', 'path'] });
  requests.add(1, 'get', '/a"b\\\n');
  requests.add(2, 'get', '/a"b\\\n');
  requests.add(1, 'put', '/');
  const seconds = metrics.histogram({ name: 'duration_seconds', help: 'Time.', labels: ['verb'], bounds: [0.1, 1] });
  for (const value of [0.1, 0.5, 2]) seconds.observe(value, 'get');
  assert.equal(
    metrics.text(),
    `# HELP duration_seconds Time.
# TYPE duration_seconds histogram
duration_seconds_bucket{verb="get",le="0.1"} 1
duration_seconds_bucket{verb="get",le="1"} 2
duration_seconds_bucket{verb="get",le="+Inf"} 3
duration_seconds_sum{verb="get"} 2.6
duration_seconds_count{verb="get"} 3
# HELP queue_depth Waiting.
# TYPE queue_depth gauge
queue_depth 3
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{verb="get",path="/a\\"b\\\\\\n"} 3
requests_total{verb="put",path="/"} 1
`,
  );
  assert.equal(new MetricsRegistry().text(), '');
});

test('MetricsRegistry gives one metric for one name, and refuses another kind or number of labels', () => {
  const metrics = new MetricsRegistry();
  metrics.counter({ name: 'a', help: 'A.' }).add(1);
  metrics.counter({ name: 'a', help: 'A.' }).add(1);
  assert.match(metrics.text(), /^a 2$/m);
  assert.throws(() => metrics.gauge({ name: 'a', help: 'A.' }), TypeError);
  assert.throws(() => metrics.counter({ name: 'a', help: 'A.' }).add(1, 'label'), TypeError);
});

test('a metric that is asked for with other labels has series of both forms', () => {
  const metrics = new MetricsRegistry();
  metrics.gauge({ name: 'depth', help: 'D.', labels: ['name'] }).set(1, 'a');
  const more = metrics.gauge({ name: 'depth', help: 'D.', labels: ['name', 'controller'] });
  more.set(2, 'b', 'c');
  metrics.gauge({ name: 'depth', help: 'D.', labels: ['name'] }).add(2, 'a');
  assert.equal(metrics.text(), '# HELP depth D.\n# TYPE depth gauge\ndepth{name="a"} 3\ndepth{name="b",controller="c"} 2\n');
  assert.throws(() => more.set(1, 'b'), TypeError);
});

test('a bound series is there at once, and is the one that its labels name', () => {
  const registry = new MetricsRegistry();
  const gauge = registry.gauge({ name: 'g', help: 'x', labels: ['name'] });
  const bound = gauge.bound('a');
  assert.ok(registry.text().includes('g{name="a"} 0'));
  bound.set(5);
  bound.add(2);
  gauge.add(1, 'a');
  const counter = registry.counter({ name: 'c', help: 'x', labels: ['name', 'code'] });
  counter.bound('a', '1').add(2);
  counter.add(1, 'a', '1');
  const histogram = registry.histogram({ name: 'h', help: 'x', bounds: [1, 2] });
  const series = histogram.bound();
  for (const value of [1, 1.5, 3]) series.observe(value);
  const lines = registry.text().split('\n');
  for (const line of [
    'g{name="a"} 8',
    'c{name="a",code="1"} 3',
    'h_bucket{le="1"} 1',
    'h_bucket{le="2"} 2',
    'h_bucket{le="+Inf"} 3',
    'h_sum 5.5',
  ])
    assert.ok(lines.includes(line), line);
  assert.throws(() => gauge.bound(), /takes 1 labels, not 0/);
});

test('MetricsRegistry.gaugeOf() asks for the value each time, which may be without bound', () => {
  const registry = new MetricsRegistry();
  let value = Infinity;
  registry.gaugeOf({ name: 'left_seconds', help: 'What is left.' }, () => value);
  const shown = (): string | undefined => registry.text().split('\n')[2];
  assert.equal(shown(), 'left_seconds +Inf');
  value = -2.5;
  assert.equal(shown(), 'left_seconds -2.5');
  value = -Infinity;
  assert.equal(shown(), 'left_seconds -Inf');
});
