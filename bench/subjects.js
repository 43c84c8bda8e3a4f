// What is measured: how each is started, and where its sockets and POSTs go.
import { join } from 'node:path'
import { sign } from '../scripts/jwt.js'

const bench = import.meta.dirname
const secret = 'the-secret-of-the-benchmark-and-of-nothing-else'

/** A JWT for Herald. */
const token = (claims) => sign(claims, secret)

const paths = {
  socketPath: (user) => `/ws/${user}`,
  notifyPath: (user) => `/notify/${user}`,
  broadcastPath: '/broadcast',
  headers: {}
}

const node = (file) => [process.execPath, join(bench, file)]

const herald = {
  name: 'herald',
  title: 'Herald',
  command: node('../dist/src/server.js'),
  env: { HOST: '127.0.0.1', LOG_LEVEL: 'warn', JWT_SECRET: secret, BROKER_URL: 'memory:', RETENTION_PER_USER: '20' }, // The others keep nothing.
  socketPath: (user) => `/api/v1/ws/${user}?token=${token({ sub: user, scope: 'stats:read' })}`,
  notifyPath: (user) => `/api/v1/ws/notify/${user}`,
  broadcastPath: '/api/v1/ws/broadcast',
  statsPath: '/api/v1/ws/stats',
  headers: { authorization: `Bearer ${token({ sub: 'bench', scope: 'notifications:publish stats:read' })}` }
}

const socketIo = {
  name: 'socket-io',
  title: 'Socket.IO 4',
  command: node('peers/socket-io.js'),
  ...paths,
  socketPath: (user) => `/socket.io/?EIO=4&transport=websocket&user=${user}`,
  engineIo: true
}

/**
 * `command` gets `PORT` from the environment, with what is in `env`.
 * `headers` are those of a POST. `redisEnv` is the environment of a node of several on one Redis. `engineIo` says that sockets speak Socket.IO's protocol within theirs.
 */
export const subjects = [
  {
    name: 'uwebsockets',
    title: 'uWebSockets.js (C++, the floor)',
    command: node('peers/uwebsockets.js'),
    ...paths
  },
  herald,
  {
    ...herald,
    name: 'herald-file',
    title: 'Herald, kept on the disk',
    env: { ...herald.env, BROKER_URL: 'file:' }, // And a folder, which is made for each run.
    onlyWhenNamed: true // Its fan-out is the same.
  },
  {
    ...herald,
    name: 'herald-redis',
    title: 'Herald, on Redis',
    redisEnv: (url) => ({ BROKER_URL: url }),
    onlyWhenNamed: true
  },
  {
    name: 'by-hand',
    title: '@fastify/websocket, by hand',
    command: node('peers/by-hand.js'),
    ...paths
  },
  socketIo,
  {
    ...socketIo,
    name: 'socket-io-redis',
    title: 'Socket.IO 4, with its Redis adapter',
    redisEnv: (url) => ({ REDIS_URL: url }),
    onlyWhenNamed: true
  },
  {
    ...socketIo,
    name: 'socket-io-streams',
    title: 'Socket.IO 4, with its Redis Streams adapter, which keeps',
    redisEnv: (url) => ({ REDIS_URL: url, KEEPS: '1' }),
    onlyWhenNamed: true
  },
  {
    name: 'fastapi',
    title: 'FastAPI, uvicorn, uvloop',
    command: ['/usr/bin/python3', join(bench, 'peers/fast-api.py')],
    ...paths
  }
]

export const FLOOR = 'uwebsockets'

export function subjectOf (name) {
  return subjects.find((subject) => subject.name === name)
}

/** Numbers of sockets that are measured; a process may not have many more (20,000 descriptors). */
export const SIZES = [1_000, 5_000, 10_000, 19_000]
