import type { CustomResourceConversion, WebhookClientConfigApiextensionsV1 } from '@coracle/api';
import { FieldError, type Frozen, isDns1035Label } from '@coracle/apimachinery';

const urlForm = '; desired format: https://host[/path]';
const acceptedReviewVersions: readonly string[] = ['v1', 'v1beta1'];
const maxPort = 65_535;

/** Faults of `spec.conversion`. `at` is the path to it. */
export function conversionFaults({ strategy, webhook }: Frozen<CustomResourceConversion>, at: string): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (strategy === '') faults.push(FieldError.required(`${at}.strategy`));
  else if (strategy !== 'None' && strategy !== 'Webhook')
    faults.push(FieldError.notSupported(`${at}.strategy`, strategy, ['None', 'Webhook']));
  const client = webhook?.clientConfig;
  const clientAt = `${at}.webhookClientConfig`;
  const reviewsAt = `${at}.conversionReviewVersions`;
  const reviewVersions = webhook?.conversionReviewVersions ?? [];
  if (strategy === 'Webhook') {
    if (client === undefined) faults.push(FieldError.required(clientAt, 'required when strategy is set to Webhook'));
    else faults.push(...clientFaults(client, clientAt));
    return [...faults, ...reviewVersionFaults(reviewVersions, reviewsAt)];
  }
  const detail = 'should not be set when strategy is not set to Webhook';
  if (client !== undefined) faults.push(FieldError.forbidden(clientAt, detail));
  if (reviewVersions.length > 0) faults.push(FieldError.forbidden(reviewsAt, detail));
  return faults;
}

function clientFaults({ url, service }: Frozen<WebhookClientConfigApiextensionsV1>, at: string): readonly FieldError[] {
  if ((url === undefined) === (service === undefined)) return [FieldError.required(at, 'exactly one of url or service is required')];
  return url === undefined ? serviceFaults(service ?? { name: '', namespace: '' }, `${at}.service`) : urlFaults(url, `${at}.url`);
}

function urlFaults(text: string, at: string): readonly FieldError[] {
  if (!URL.canParse(text))
    return [FieldError.required(at, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid URI for request${urlForm}`)];
  const url = new URL(text);
  const faults: FieldError[] = [];
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== 'https') faults.push(FieldError.invalid(at, scheme, `'https' is the only allowed URL scheme${urlForm}`));
  if (url.host === '') faults.push(FieldError.invalid(at, '', `host must be specified${urlForm}`));
  const user = [url.username, url.password].filter((part) => part !== '').join(':');
  if (user !== '') faults.push(FieldError.invalid(at, user, 'user information is not permitted in the URL'));
  if (url.hash !== '') faults.push(FieldError.invalid(at, url.hash.slice(1), 'fragments are not permitted in the URL'));
  if (url.search !== '') faults.push(FieldError.invalid(at, url.search.slice(1), 'query parameters are not permitted in the URL'));
  return faults;
}

type ServiceReference = NonNullable<Frozen<WebhookClientConfigApiextensionsV1>['service']>;

function serviceFaults({ name, namespace, port, path }: ServiceReference, at: string): readonly FieldError[] {
  const faults: FieldError[] = [];
  if (name === '') faults.push(FieldError.required(`${at}.name`, 'service name is required'));
  if (namespace === '') faults.push(FieldError.required(`${at}.namespace`, 'service namespace is required'));
  if (port !== undefined && (port < 1 || port > maxPort)) {
    faults.push(FieldError.invalid(`${at}.port`, port, `port is not valid: must be between 1 and ${maxPort}, inclusive`));
  }
  if (path !== undefined && !path.startsWith('/')) faults.push(FieldError.invalid(`${at}.path`, path, "must start with a '/'"));
  return faults;
}

function reviewVersionFaults(versions: readonly string[], at: string): readonly FieldError[] {
  if (versions.length === 0) return [FieldError.required(at)];
  const faults: FieldError[] = [];
  for (const [i, version] of versions.entries()) {
    if (versions.indexOf(version) < i) faults.push(FieldError.invalid(`${at}[${i}]`, version, 'duplicate version'));
    else for (const text of isDns1035Label(version)) faults.push(FieldError.invalid(`${at}[${i}]`, version, text));
  }
  if (!versions.some((version) => acceptedReviewVersions.includes(version))) {
    faults.push(FieldError.invalid(at, versions, `must include at least one of ${acceptedReviewVersions.join(', ')}`));
  }
  return faults;
}
