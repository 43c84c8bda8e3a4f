import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** With a private field of Node: the answer that is being sent, and after it the next. */
export type AnsweredSocket = Duplex & { _httpMessage?: ServerResponse | null }
