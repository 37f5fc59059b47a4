import { FieldErrors } from '@coracle/apimachinery';
