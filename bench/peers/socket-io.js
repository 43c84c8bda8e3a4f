// Socket.IO with a room for each user; POSTs come through Node's own server. With REDIS_URL it is one of several nodes;
// with KEEPS as well, what is sent is kept in Redis for those who come back.
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { createAdapter } from '@socket.io/redis-adapter'
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter'
import { Redis } from 'ioredis'
import { Server } from 'socket.io'
import { notificationObject } from './notification.js'

const server = createServer(async (request, response) => {
  const body = await json(request)
  const [, action, user] = request.url.split('/')
  const answer = action === 'notify' ? notify(decodeURIComponent(user), body) : broadcast(body)
  const text = JSON.stringify(answer)
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }).end(text)
})

const { REDIS_URL, KEEPS } = process.env
const io = new Server(server, { transports: ['websocket'], serveClient: false, ...KEEPS && { connectionStateRecovery: {} } })
if (REDIS_URL) io.adapter(KEEPS ? createStreamsAdapter(new Redis(REDIS_URL)) : createAdapter(new Redis(REDIS_URL), new Redis(REDIS_URL)))
const rooms = io.of('/').adapter.rooms

io.on('connection', (socket) => { socket.join(`user:${socket.handshake.query.user}`) })

function notify (user, body) {
  const connections = rooms.get(`user:${user}`)?.size ?? 0
  io.to(`user:${user}`).emit('notification', notificationObject(body))
  return { user_id: user, online: connections > 0, connections }
}

function broadcast (body) {
  const to = body.exclude_user === undefined ? io : io.except(`user:${body.exclude_user}`)
  to.emit('notification', notificationObject(body))
  return { connections: io.engine.clientsCount }
}

server.listen(Number(process.env.PORT), '127.0.0.1')
