import { createHmac, sign as signWithKey, type KeyObject } from 'node:crypto'
import { SECRET } from './app.js'

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A JWT made by hand (RFC 7515 §3.1), so that the tests do not rely on the library under test. */
export function makeToken (header: { alg: string, kid?: string | undefined }, claims: object, signature: (input: string) => Buffer): string {
  const input = `${base64url({ typ: 'JWT', ...header })}.${base64url(claims)}`
  return `${input}.${signature(input).toString('base64url')}`
}

export const sign = (claims: object, secret: string = SECRET): string =>
  makeToken({ alg: 'HS256' }, claims, (input) => createHmac('sha256', secret).update(input).digest())

/** Signed with a private key: RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA). */
export const signAsymmetric = (alg: 'RS256' | 'ES256' | 'EdDSA', claims: object, key: KeyObject, kid?: string): string =>
  makeToken({ alg, kid }, claims, (input) => signWithKey(alg === 'EdDSA' ? null : 'sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }))
