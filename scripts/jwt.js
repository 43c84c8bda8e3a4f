import { createHmac } from 'node:crypto'

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A JWT, signed with HS256. */
export function sign (claims, secret) {
  const input = `${base64url({ typ: 'JWT', alg: 'HS256' })}.${base64url(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}
