import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Owner } from './process.js'
import { signAsymmetric } from './token.js'

const kinds = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519')
}

/** A key of an identity provider. */
export class SigningKey {
  readonly kid: string
  readonly #alg: keyof typeof kinds
  readonly #pair: KeyPairKeyObjectResult

  constructor (kid: string, alg: keyof typeof kinds = 'EdDSA') {
    this.kid = kid
    this.#alg = alg
    this.#pair = kinds[alg]()
  }

  get pem (): string { return this.#pair.publicKey.export({ type: 'spki', format: 'pem' }).toString() }
  get header () { return { alg: this.#alg, kid: this.kid } }

  /** As it stands in a set. */
  jwk (more: object = {}): object {
    return { ...this.#pair.publicKey.export({ format: 'jwk' }), kid: this.kid, ...more }
  }

  sign (claims: object): string {
    return signAsymmetric(this.#alg, claims, this.#pair.privateKey, this.kid)
  }
}

/** The HTTP server of an identity provider, which can go away and come back at the same port. */
export class KeyServer {
  /** The set. */
  keys: unknown[]
  fetches = 0
  /** Answers in place of the set. */
  answer: RequestListener | undefined
  #server: Server | undefined
  #port = 0

  private constructor (keys: unknown[]) {
    this.keys = keys
  }

  static async start (t: Owner, keys: unknown[]): Promise<KeyServer> {
    const server = new KeyServer(keys)
    await server.start()
    t.teardown(() => { server.stop() })
    return server
  }

  get url (): string { return `http://127.0.0.1:${this.#port}/jwks.json` }

  async start (): Promise<void> {
    const server = createServer((request, response) => {
      this.fetches++
      if (this.answer === undefined) response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: this.keys }))
      else this.answer(request, response)
    })
    this.#server = server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
  }

  stop (): void {
    this.#server?.closeAllConnections()
    this.#server?.close()
  }
}
