export { semanticEqual, wireEqual } from './equality.ts';
export { FieldError, fieldErrorBody, fieldErrorReason, type FieldErrorType, type FieldFault, omitValue } from './field-error.ts';
export { type FieldRequirement, parseFieldSelector } from './fields.ts';
export { deepFreeze, type Frozen } from './frozen.ts';
export { type IntOrString, scaledIntOrPercent } from './intstr.ts';
export { JsonSyntaxError } from './json/exact-reader.ts';
export { type JsonDocument, readJson, type ReadJsonOptions } from './json/reader.ts';
export { writeJson, writeJsonBytes } from './json/writer.ts';
export { everything, labelMatcher, type LabelMatcher, matcherOfSet, nothing, parseLabelSelector } from './labels.ts';
export { compareBytes, getOwn, hasOwn, mapFrom, setOwn, sortedEntries, type WireMap, withEntry, withoutEntry } from './maps.ts';
export {
  type Condition,
  controllerOf,
  controllerReference,
  type DeleteOptions,
  groupVersion,
  type GroupVersionKind,
  type GroupVersionResource,
  isControlledBy,
  type KubeList,
  type KubeObject,
  type LabelSelector,
  type LabelSelectorRequirement,
  type ListMeta,
  type ObjectMeta,
  type OwnerReference,
  parseGroupVersion,
  type Preconditions,
  type TypeMeta,
  type Unstructured,
} from './meta.ts';
export {
  isDns1035Label,
  isDns1123Label,
  isDns1123Subdomain,
  isQualifiedName,
  isValidLabelValue,
  isValidPathSegment,
} from './names.ts';
export {
  type Status,
  type StatusCause,
  type StatusDetails,
  StatusError,
  statusErrorOf,
  statusOf,
  type StatusReason,
} from './status.ts';
export {
  newAlreadyExists,
  newBadRequest,
  newConflict,
  newExpired,
  newForbidden,
  newGenerateNameConflict,
  newGenericServerResponse,
  newGone,
  newInternalError,
  newInvalid,
  newMethodNotAllowed,
  newMethodNotSupported,
  newNotAcceptable,
  newNotFound,
  newNotImplemented,
  newPathNotFound,
  newRequestEntityTooLarge,
  newServerTimeout,
  newServiceUnavailable,
  newStatusError,
  newTimeout,
  newTooManyRequests,
  newUnauthorized,
  newUnsupportedMediaType,
  qualified,
  type QualifiedResource,
  type ServerResponse,
} from './status-errors.ts';
export {
  isAlreadyExists,
  isBadRequest,
  isConflict,
  isForbidden,
  isGone,
  isInternalError,
  isInvalid,
  isMethodNotSupported,
  isNotAcceptable,
  isNotFound,
  isRequestEntityTooLarge,
  isResourceExpired,
  isServerTimeout,
  isServiceUnavailable,
  isTimeout,
  isTooManyRequests,
  isUnauthorized,
  isUnsupportedMediaType,
  reasonOf,
  suggestedDelaySeconds,
} from './status-predicates.ts';
export {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  milliValue,
  parseQuantity,
  type Quantity,
  type QuantityFormat,
  wholeValue,
} from './quantity.ts';
export { type RequestInfo, requestInfo } from './request-info.ts';
export { goEscape, goJson, goQuote } from './quote.ts';
export { formatMicroTime, formatTime, humanDuration, parseTime } from './time.ts';
export {
  type ApiRequest,
  type ApiResponse,
  type Body,
  type ExchangeOptions,
  headerValues,
  joinedHeaders,
  type Method,
  type Query,
  type Transport,
  TransportError,
  type WatchFrame,
  type WireHeaders,
} from './transport.ts';
export { applyJsonPatch } from './patch/json-patch.ts';
export { applyMergePatch } from './patch/merge-patch.ts';
export { readYamlDocuments, readYamlStream, writeYaml, type YamlDocument, type YamlDuplicate, YamlSyntaxError } from './yaml.ts';
